//! Records all traffic in a file.
//!
//! A separate thread takes frames out of a ring, formats them, and appends whole lines to the file;
//! messages never wait for the disk. If the thread is too slow, or the disk is full, frames are
//! lost and the file says how many.

mod header;
mod parts;

pub(crate) use self::{
    header::{FORMAT, Header, VERSION},
    parts::numbered,
};

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use self::parts::Parts;
use super::{
    Redaction, TAP,
    line::Scribe,
    ring::{Limits, Ring, Taken},
    tap::Watcher,
};
use crate::{config::RecordingConfig, error::Error};

/// Limits of the frames that wait to be written. A message longer than `whole` could not be played
/// anyway: by default a server may not write such a line.
const LIMITS: Limits = Limits {
    frames: 100_000,
    bytes: 64 * 1024 * 1024,
    whole: 32 * 1024 * 1024,
    beginning: 64 * 1024,
};
/// How long frames are collected before they are written, unless there are many: each waking of the
/// thread costs as much as several frames.
const PAUSE: Duration = Duration::from_millis(50);
/// Interval between two warnings that the disk accepts nothing.
const SILENCE: Duration = Duration::from_mins(10);
/// How long the thread sleeps if there is nothing to do.
const IDLE: Duration = Duration::from_mins(1);
/// Approximate size of the pieces that are written.
const PIECE: usize = 256 * 1024;

/// A running recording; ends when dropped.
#[derive(Debug)]
pub struct Recording {
    watcher: Option<Watcher>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Recording {
    /// Opens the file and records all traffic of this process from now on.
    ///
    /// An existing recording is kept as an older part. Fails if the file cannot be written, or has
    /// other content.
    pub fn start(config: &RecordingConfig) -> Result<Self, Error> {
        let scribe = Scribe::new(Redaction::new(&config.redaction));
        let header = Header::new(&scribe);
        let failed = |source| Error::Record { file: config.file.clone(), source };
        let parts = Parts::open(config, header).map_err(failed)?;
        let watcher = TAP.watch(LIMITS);
        let writer =
            Writer { ring: Arc::clone(watcher.ring()), scribe, parts, untold: 0, said: None };
        let thread = thread::Builder::new().name("recording".to_owned());
        let thread = thread.spawn(move || writer.run()).map_err(failed)?;
        Ok(Self { watcher: Some(watcher), thread: Some(thread) })
    }
}

impl Drop for Recording {
    /// Writes the rest.
    fn drop(&mut self) {
        drop(self.watcher.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the recording has failed");
        }
    }
}

struct Writer {
    ring: Arc<Ring>,
    scribe: Scribe,
    parts: Parts,
    /// Lost frames that are not noted in the file yet.
    untold: u64,
    /// When a write failure was last logged.
    said: Option<Instant>,
}

impl Writer {
    fn run(mut self) {
        let mut piece = Vec::new();
        while let Some(taken) = self.ring.drain(IDLE, PAUSE) {
            self.write_all(&taken, &mut piece);
            self.ring.give_back(taken.frames);
            piece.shrink_to(2 * PIECE);
        }
    }

    fn write_all(&mut self, taken: &Taken, piece: &mut Vec<u8>) {
        self.untold += taken.lost;
        for (number, frame) in (taken.first..).zip(&taken.frames) {
            if piece.is_empty() && self.untold > 0 {
                self.scribe.lost(self.untold, piece);
            }
            self.scribe.write(number, frame, piece);
            if piece.len() >= PIECE {
                self.append(piece);
            }
        }
        self.append(piece);
    }

    /// Writes the lines, of which the first one says how many were lost before, if any were; lines
    /// that cannot be written are lost.
    fn append(&mut self, piece: &mut Vec<u8>) {
        let mut rest = &piece[..];
        let outcome = self.parts.append(&mut rest);
        if rest.len() < piece.len() {
            self.untold = 0;
        }
        let unwritten = memchr::memchr_iter(b'\n', rest).count() as u64;
        let is_note = self.untold > 0 && unwritten > 0;
        self.untold += unwritten - u64::from(is_note);
        if let Err(error) = outcome {
            self.say(&error);
        }
        piece.clear();
    }

    /// A disk that is nearly full accepts some lines and refuses others; that counts as one
    /// failure.
    fn say(&mut self, error: &io::Error) {
        if self.said.is_none_or(|said| said.elapsed() >= SILENCE) {
            self.said = Some(Instant::now());
            tracing::error!(
                "the recording {} cannot be written: {error}; the proxy goes on without it, and \
                 records again as soon as it can",
                self.parts.file().display()
            );
        }
    }
}

#[cfg(test)]
mod tests;
