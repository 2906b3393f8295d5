//! Files for content that is not text: in the working directory, with unused names.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Longest stem of a file name.
const LONGEST: usize = 60;
/// Most names that are tried.
const TRIES: usize = 10_000;

/// Writes the bytes to a new file in `directory`; returns its path.
///
/// The name is made from `stem`, which may come from the peer: letters, digits, `-` and `_` are
/// kept.
pub(super) fn save(directory: &Path, stem: &str, mime: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let stem = harmless(stem);
    for number in 1..=TRIES {
        let path = directory.join(format!("{stem}-{number}.{}", extension(mime)));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => return file.write_all(bytes).map(|()| path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are {TRIES} files of this name already")))
}

fn harmless(stem: &str) -> String {
    let kept = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' }
    };
    let name: String = stem.chars().map(kept).take(LONGEST).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "result".to_owned() } else { name.to_owned() }
}

/// The usual extension for a type.
fn extension(mime: &str) -> &'static str {
    const KNOWN: &[(&str, &str)] = &[
        ("image/png", "png"),
        ("image/jpeg", "jpg"),
        ("image/gif", "gif"),
        ("image/webp", "webp"),
        ("image/svg+xml", "svg"),
        ("audio/wav", "wav"),
        ("audio/x-wav", "wav"),
        ("audio/mpeg", "mp3"),
        ("audio/ogg", "ogg"),
        ("application/pdf", "pdf"),
        ("application/json", "json"),
        ("application/zip", "zip"),
        ("application/gzip", "gz"),
        ("text/html", "html"),
        ("text/plain", "txt"),
    ];
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    KNOWN.iter().find(|(known, _)| *known == mime).map_or("bin", |(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_peers_stay_in_the_directory_and_nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let save = |stem, mime| {
            let path = save(directory.path(), stem, mime, b"x").unwrap();
            path.strip_prefix(directory.path()).unwrap().display().to_string()
        };
        assert_eq!(save("shot", "image/png"), "shot-1.png");
        assert_eq!(save("shot", "Image/PNG; q=1"), "shot-2.png");
        assert_eq!(save("../../etc/passwd", "x/y"), "etc-passwd-1.bin");
        assert_eq!(save("\u{1b}[2J\0", "text/html"), "2J-1.html");
        assert_eq!(save("..", ""), "result-1.bin");
    }
}
