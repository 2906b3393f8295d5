//! A recording as it is on disk: edited, cut, of another version, or something else.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::watch::{FORMAT, Header, VERSION};

/// Longest line that is read; the longest that is written holds a message of 32 MiB, escaped.
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
    /// It is of a version that this proxy does not know.
    #[error(
        "{} is a recording of version {version}; this proxy reads version {VERSION}. Use the \
         version of mcp-proxy that recorded it",
        .file.display()
    )]
    Version {
        /// The file.
        file: PathBuf,
        /// What its header says.
        version: u32,
    },
    /// A line is not what it has to be.
    #[error("line {line} of {} is damaged: {problem}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is too much in it.
    #[error(
        "{} holds more than {} MB of messages; record less, or in smaller parts (--recordMaxSize)",
        .0.display(),
        MAX_BYTES / 1_000_000
    )]
    TooLarge(PathBuf),
    /// It holds no call.
    #[error("{} holds no call of a client", .0.display())]
    Empty(PathBuf),
}

/// A message between a client and the proxy.
#[derive(Debug)]
pub(super) struct Seen {
    /// A client has sent it.
    pub(super) is_from_client: bool,
    /// Nanoseconds since the start.
    pub(super) at: u64,
    pub(super) session: Option<String>,
    pub(super) stream: Option<u64>,
    pub(super) message: Value,
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
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) all: Vec<Seen>,
    /// Messages that are not whole, are not JSON, or were lost.
    pub(super) missing: u64,
}

/// The messages of clients, in their order. A last line that was cut off is left out.
pub(super) fn messages(file: &Path) -> Result<Messages, Unreadable> {
    let failed = |source| Unreadable::File { file: file.to_owned(), source };
    let mut reader = BufReader::new(File::open(file).map_err(failed)?);
    let header: Option<Header> =
        line(&mut reader).map_err(failed)?.and_then(|line| serde_json::from_slice(&line).ok());
    match header {
        Some(header) if header.format != FORMAT => {
            return Err(Unreadable::Foreign(file.to_owned()));
        }
        Some(Header { version, .. }) if version != VERSION => {
            return Err(Unreadable::Version { file: file.to_owned(), version });
        }
        Some(_) => {}
        None => return Err(Unreadable::Foreign(file.to_owned())),
    }
    let mut messages = Messages::default();
    let mut bytes = 0;
    for number in 2.. {
        let Some(text) = line(&mut reader).map_err(failed)? else { break };
        let is_last = !text.ends_with(b"\n");
        match serde_json::from_slice::<Line>(&text) {
            Ok(line) => bytes += messages.take(line),
            Err(_) if is_last || text.trim_ascii().is_empty() => {}
            Err(error) => {
                let problem = error.to_string();
                return Err(Unreadable::Line { file: file.to_owned(), line: number, problem });
            }
        }
        if bytes > MAX_BYTES {
            return Err(Unreadable::TooLarge(file.to_owned()));
        }
    }
    Ok(messages)
}

/// The next line with its line feed; nothing at the end.
fn line(reader: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut text)?;
    if text.len() as u64 == MAX_LINE && !text.ends_with(b"\n") {
        let problem = format!("it has a line of more than {MAX_LINE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok((!text.is_empty()).then_some(text))
}

impl Messages {
    /// Takes a line; how many bytes of it are kept.
    fn take(&mut self, line: Line) -> usize {
        let is_from_client = line.point == "from-client";
        if !is_from_client && line.point != "to-client" {
            return 0;
        }
        let parsed = line.text.as_deref().filter(|_| line.cut.is_none());
        let Some(value) = parsed.and_then(|text| serde_json::from_str(text).ok()) else {
            self.missing += 1;
            return 0;
        };
        let all = match value {
            Value::Array(all) => all,
            one => vec![one],
        };
        let Line { t: at, session, stream, text, .. } = line;
        self.all.extend(all.into_iter().map(|message| Seen {
            is_from_client,
            at,
            session: session.clone(),
            stream,
            message,
        }));
        text.map_or(0, |text| text.len())
    }
}
