//! The files of a recording: the current one, and full ones with a number after their name.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::header::{FORMAT, Header};
use crate::config::RecordingConfig;

/// Longest first line that may be a header.
const MAX_HEADER: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Parts {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: u64,
    max_files: usize,
    header: Header,
}

impl Parts {
    /// Begins a recording in this file; an existing one becomes its first full part.
    pub(super) fn open(config: &RecordingConfig, header: Header) -> io::Result<Self> {
        let path = config.file.clone();
        let max_files = config.max_files.max(1);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(metadata) if !metadata.is_file() => return Err(foreign("is not a regular file")),
            Ok(metadata) if metadata.len() > 0 && !is_recording(&path)? => {
                return Err(foreign("exists, and is not a recording"));
            }
            Ok(_) => shift(&path, max_files)?,
        }
        let (file, size) = begin(&path, &header)?;
        Ok(Self { path, file, size, max_size: config.max_size, max_files, header })
    }

    /// The current file.
    pub(super) fn file(&self) -> &Path {
        &self.path
    }

    /// Appends whole lines, and removes from `lines` those that are in the file: if that fails, the
    /// others are left.
    pub(super) fn append(&mut self, lines: &mut &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            let now = fitting(lines, self.room());
            self.write(lines, now)?;
            if !lines.is_empty() {
                self.rotate()?;
                // A line longer than a part has a part to itself.
                if fitting(lines, self.room()) == 0 {
                    let end = memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1);
                    self.write(lines, end)?;
                }
            }
        }
        Ok(())
    }

    fn room(&self) -> u64 {
        self.max_size.saturating_sub(self.size)
    }

    /// Appends the first `most` bytes of these lines, which are whole lines, and removes them.
    fn write(&mut self, lines: &mut &[u8], most: usize) -> io::Result<()> {
        let (written, outcome) = write_most(&mut self.file, &lines[..most]);
        let whole = match outcome {
            Ok(()) => written,
            // A partial line must not look like a whole one.
            Err(_) => memchr::memrchr(b'\n', &lines[..written]).map_or(0, |end| end + 1),
        };
        let size = self.size + whole as u64;
        if whole < written {
            self.file.set_len(size)?;
        }
        self.size = size;
        *lines = &lines[whole..];
        outcome
    }

    /// Writes to another file, which may refuse that.
    #[cfg(test)]
    pub(super) fn exchange_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    fn rotate(&mut self) -> io::Result<()> {
        shift(&self.path, self.max_files)?;
        let header = Header { part: self.header.part + 1, ..self.header.clone() };
        let (file, size) = begin(&self.path, &header)?;
        (self.file, self.size, self.header) = (file, size, header);
        Ok(())
    }
}

/// Writes as much as possible; returns how much that was, and why it was not all.
fn write_most(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// How many bytes of these lines, in whole lines, fit into this much room.
fn fitting(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if lines.len() <= room {
        return lines.len();
    }
    memchr::memrchr(b'\n', &lines[..room]).map_or(0, |end| end + 1)
}

/// A new file that only its owner can read.
fn begin(path: &Path, header: &Header) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut line = serde_json::to_vec(header)?;
    line.push(b'\n');
    file.write_all(&line)?;
    Ok((file, line.len() as u64))
}

/// Renumbers the parts; the oldest one is deleted.
fn shift(path: &Path, max_files: usize) -> io::Result<()> {
    if max_files == 1 {
        return fs::remove_file(path);
    }
    for number in (1..max_files - 1).rev() {
        let from = numbered(path, number);
        if from.exists() {
            fs::rename(from, numbered(path, number + 1))?;
        }
    }
    fs::rename(path, numbered(path, 1))
}

/// The name of the part with this number, 1 being the newest.
pub(crate) fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

fn is_recording(path: &Path) -> io::Result<bool> {
    let mut line = Vec::new();
    BufReader::new(File::open(path)?.take(MAX_HEADER)).read_until(b'\n', &mut line)?;
    let header: Result<Header, _> = serde_json::from_slice(&line);
    Ok(header.is_ok_and(|header| header.format == FORMAT))
}

fn foreign(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, format!("it {what}; choose another name"))
}
