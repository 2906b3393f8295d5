//! The files of a recording: the current one, and full ones with a number after their name.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{FORMAT, Header};
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

    /// Appends whole lines. If that fails, none of them is in the file.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut rest = lines;
        while !rest.is_empty() {
            let room = self.max_size.saturating_sub(self.size);
            let (now, later) = rest.split_at(fitting(rest, room));
            if !now.is_empty() {
                self.write(now)?;
            }
            if !later.is_empty() {
                self.rotate()?;
                // A line longer than a part has a part to itself.
                if fitting(later, self.max_size.saturating_sub(self.size)) == 0 {
                    let end = memchr::memchr(b'\n', later).map_or(later.len(), |end| end + 1);
                    self.write(&later[..end])?;
                    rest = &later[end..];
                    continue;
                }
            }
            rest = later;
        }
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(lines) {
            // A partial line must not look like a whole one.
            return Err(self.file.set_len(self.size).err().unwrap_or(error));
        }
        self.size += lines.len() as u64;
        Ok(())
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
