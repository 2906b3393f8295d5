//! Reads a recording from disk. It may be in parts, edited, truncated, of another version, or not a
//! recording.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::watch::{FORMAT, Header, VERSION, numbered};

/// Longest line that is read; the longest that is written contains a message of 32 MiB, escaped.
const MAX_LINE: u64 = 256 * 1024 * 1024;
/// Most bytes of messages that are kept.
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Its first line is not the header of a recording.
    #[error("{} is not a recording: its first line does not say \"format\":\"{FORMAT}\"", .0.display())]
    Foreign(PathBuf),
    /// Its version is not known to this proxy.
    #[error(
        "{} is a recording of version {version}; this proxy reads version {VERSION}. Use the \
         version of mcp-proxy that recorded it",
        .file.display()
    )]
    Version {
        /// The file.
        file: PathBuf,
        /// The version in its header.
        version: u32,
    },
    /// A line is invalid.
    #[error("line {line} of {} is damaged: {problem}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// It contains too much.
    #[error(
        "{} holds more than {} MB of messages; record less, or in smaller parts (--recordMaxSize)",
        .0.display(),
        MAX_BYTES / 1_000_000
    )]
    TooLarge(PathBuf),
    /// It contains no call.
    #[error("{} contains no call of a client", .0.display())]
    Empty(PathBuf),
}

/// A message between a client and the proxy.
#[derive(Debug)]
pub(super) struct Seen {
    /// Whether a client has sent it.
    pub(super) is_from_client: bool,
    /// Nanoseconds since the start.
    pub(super) at: u64,
    pub(super) session: Option<String>,
    pub(super) stream: Option<u64>,
    pub(super) message: Value,
    /// The raw message.
    pub(super) text: Box<str>,
}

#[derive(Deserialize)]
struct Line {
    point: String,
    #[serde(default)]
    t: u64,
    session: Option<String>,
    stream: Option<u64>,
    text: Option<String>,
    cut: Option<u64>,
    #[serde(default)]
    lost: u64,
}

/// Passes on the messages of clients, in their order; returns how many are incomplete, are not
/// JSON, or were lost. Older parts of the same recording, with numbers after their names, come
/// first. A truncated last line is left out.
pub(super) fn messages(file: &Path, mut take: impl FnMut(Seen)) -> Result<u64, Unreadable> {
    let mut reading = Reading { take: &mut take, missing: 0, bytes: 0 };
    for (part, mut reader) in parts(file)? {
        reading.part(file, &part, &mut reader)?;
    }
    Ok(reading.missing)
}

/// A part that is being read.
type Part = (PathBuf, BufReader<File>);

/// All existing parts of this recording, the oldest first, each after its header.
fn parts(file: &Path) -> Result<Vec<Part>, Unreadable> {
    let (newest, reader) = part(file)?;
    let mut parts = vec![(file.to_owned(), reader)];
    let mut wanted = newest.part;
    for number in 1.. {
        wanted = wanted.saturating_sub(1);
        let path = numbered(file, number);
        let older = part(&path).ok().filter(|(header, _)| {
            header.started == newest.started && header.part == wanted && wanted > 0
        });
        let Some((_, reader)) = older else { break };
        parts.push((path, reader));
    }
    if wanted > 0 {
        tracing::warn!(
            "{} begins with part {}: older parts were removed (--recordMaxFiles)",
            file.display(),
            wanted + 1
        );
    }
    parts.reverse();
    Ok(parts)
}

/// Whether the first line says that this is a recording which can be played.
pub fn look_at_recording(file: &Path) -> Result<(), Unreadable> {
    part(file).map(drop)
}

/// Opens a part and reads its header.
fn part(file: &Path) -> Result<(Header, BufReader<File>), Unreadable> {
    let failed = |source| Unreadable::File { file: file.to_owned(), source };
    let mut reader = BufReader::new(File::open(file).map_err(failed)?);
    let header: Option<Header> =
        line(&mut reader).map_err(failed)?.and_then(|line| serde_json::from_slice(&line).ok());
    match header {
        Some(header) if header.format != FORMAT => Err(Unreadable::Foreign(file.to_owned())),
        Some(Header { version, .. }) if version != VERSION => {
            Err(Unreadable::Version { file: file.to_owned(), version })
        }
        Some(header) => Ok((header, reader)),
        None => Err(Unreadable::Foreign(file.to_owned())),
    }
}

struct Reading<'a> {
    take: &'a mut dyn FnMut(Seen),
    missing: u64,
    /// Bytes of the messages that were passed on.
    bytes: usize,
}

impl Reading<'_> {
    fn part(
        &mut self,
        whole: &Path,
        file: &Path,
        reader: &mut BufReader<File>,
    ) -> Result<(), Unreadable> {
        let failed = |source| Unreadable::File { file: file.to_owned(), source };
        for number in 2.. {
            let Some(text) = line(reader).map_err(failed)? else { break };
            let is_last = !text.ends_with(b"\n");
            match serde_json::from_slice::<Line>(&text) {
                Ok(line) => self.line(line),
                Err(_) if is_last || text.trim_ascii().is_empty() => {}
                Err(error) => {
                    let problem = error.to_string();
                    return Err(Unreadable::Line { file: file.to_owned(), line: number, problem });
                }
            }
            if self.bytes > MAX_BYTES {
                return Err(Unreadable::TooLarge(whole.to_owned()));
            }
        }
        Ok(())
    }

    fn line(&mut self, line: Line) {
        if line.point == "lost" {
            self.missing += line.lost;
        }
        let is_from_client = line.point == "from-client";
        if !is_from_client && line.point != "to-client" {
            return;
        }
        let Line { t: at, session, stream, text, cut, .. } = line;
        let texts = text.filter(|_| cut.is_none()).and_then(|text| each(&text));
        let Some(texts) = texts else {
            self.missing += 1;
            return;
        };
        for text in texts {
            let Ok(message) = serde_json::from_str(&text) else { continue };
            self.bytes += text.len();
            let session = session.clone();
            (self.take)(Seen { is_from_client, at, session, stream, message, text });
        }
    }
}

/// The messages in a text, several if it is a batch; empty if it is not JSON.
fn each(text: &str) -> Option<Vec<Box<str>>> {
    if text.trim_start().starts_with('[') {
        let all: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        return Some(all.into_iter().map(|one| one.get().into()).collect());
    }
    serde_json::from_str::<&RawValue>(text).ok().map(|one| vec![one.get().into()])
}

/// The next line with its line feed; empty at the end.
fn line(reader: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut text)?;
    if text.len() as u64 == MAX_LINE && !text.ends_with(b"\n") {
        let problem = format!("it has a line of more than {MAX_LINE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok((!text.is_empty()).then_some(text))
}
