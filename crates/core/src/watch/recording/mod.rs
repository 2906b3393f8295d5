//! Everything that passes, in a file.
//!
//! A thread of its own takes frames out of a ring, writes them as lines, and appends whole lines to
//! the file; the road of a message never waits for the disk. Where the thread cannot follow, or the
//! disk is full, frames are lost and the file says how many.

mod parts;

pub(crate) use self::parts::numbered;

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use self::parts::Parts;
use super::{
    Redaction, TAP,
    line::Scribe,
    ring::{Limits, Ring, Taken},
    tap::Watcher,
};
use crate::{config::RecordingConfig, error::Error};

/// What the header calls the format.
pub(crate) const FORMAT: &str = "mcp-proxy-recording";
/// The version of the format that is written, and the newest that is read.
pub(crate) const VERSION: u32 = 1;

/// What waits to be written. A message that is longer than `whole` could not be played back anyway:
/// a server may not write so long a line by default.
const LIMITS: Limits = Limits {
    frames: 100_000,
    bytes: 64 * 1024 * 1024,
    whole: 32 * 1024 * 1024,
    beginning: 64 * 1024,
};
/// Frames are collected for so long, so that a busy proxy does not wake the thread for each.
const PAUSE: Duration = Duration::from_millis(10);
/// How long it is not said again that the disk takes nothing.
const SILENCE: Duration = Duration::from_mins(10);
/// How long the thread sleeps when there is nothing.
const IDLE: Duration = Duration::from_mins(1);
/// Lines are handed to the system in pieces of about this size.
const PIECE: usize = 1024 * 1024;

/// The first line of every part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u32,
    /// When the recording began (RFC 3339); times of lines count from there.
    pub(crate) started: String,
    /// Version of the proxy that has written it.
    pub(crate) proxy: String,
    /// Number of the part, from 1.
    pub(crate) part: u64,
    /// Secrets were taken out.
    pub(crate) redacted: bool,
}

impl Header {
    /// That of what this scribe writes.
    pub(crate) fn new(scribe: &Scribe) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            started: scribe.started(),
            proxy: crate::VERSION.to_owned(),
            part: 1,
            redacted: scribe.redacts(),
        }
    }
}

/// A recording that goes on until this is dropped.
#[derive(Debug)]
pub struct Recording {
    watcher: Option<Watcher>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Recording {
    /// Opens the file and records everything that passes in this process from now on.
    ///
    /// A recording that is there already is kept as an older part. Fails if the file cannot be
    /// written, or holds anything else.
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
    /// Writes what is left.
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
    /// Frames that are lost, which the file does not say yet.
    untold: u64,
    /// When it was said that nothing can be written.
    said: Option<Instant>,
}

impl Writer {
    fn run(mut self) {
        while let Some(taken) = self.ring.drain(IDLE) {
            let is_idle = taken.frames.is_empty();
            self.write_all(&taken);
            if !is_idle {
                thread::sleep(PAUSE);
            }
        }
    }

    fn write_all(&mut self, taken: &Taken) {
        self.untold += taken.lost;
        let mut piece = Vec::new();
        let mut count = 0;
        for (number, frame) in (taken.first..).zip(&taken.frames) {
            if self.untold > 0 {
                self.scribe.lost(self.untold, &mut piece);
                count += std::mem::take(&mut self.untold);
            }
            self.scribe.write(number, frame, &mut piece);
            count += 1;
            if piece.len() >= PIECE {
                self.append(&mut piece, &mut count);
            }
        }
        self.append(&mut piece, &mut count);
    }

    /// Hands the lines to the system; what it does not take is lost.
    fn append(&mut self, piece: &mut Vec<u8>, count: &mut u64) {
        if piece.is_empty() {
            return;
        }
        if let Err(error) = self.parts.append(piece) {
            self.untold += *count;
            self.say(&error);
        }
        piece.clear();
        *count = 0;
    }

    /// A disk that is nearly full takes some lines and not others, which is one trouble.
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
