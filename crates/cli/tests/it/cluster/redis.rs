//! The tests' own store: Debian's redis-server, on a socket in a directory.

#![expect(clippy::print_stderr, reason = "says why it is skipped")]

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::support::wait_for;

/// A running store.
pub(super) struct Redis {
    process: Child,
    directory: tempfile::TempDir,
}

impl Redis {
    /// Starts one; prints a message and returns `None` if it is not installed.
    pub(super) fn start() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let Some(process) = launch(&directory) else {
            eprintln!("skipped: there is no redis-server here (apt-get install redis-server)");
            return None;
        };
        let redis = Self { process, directory };
        redis.answers();
        Some(redis)
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn answers(&self) {
        wait_for("the store answers", || UnixStream::connect(self.socket()).ok());
    }

    /// The store's raw answer to a command.
    pub(super) fn command(&self, words: &[&str]) -> String {
        let mut stream = UnixStream::connect(self.socket()).expect("the store answers");
        let mut text = format!("*{}\r\n", words.len());
        for word in words.iter().chain([&"QUIT"]) {
            if *word == "QUIT" {
                text.push_str("*1\r\n");
            }
            let bulk = format!("${}\r\n{word}\r\n", word.len());
            text.push_str(&bulk);
        }
        stream.write_all(text.as_bytes()).expect("it takes bytes");
        let mut said = Vec::new();
        stream.read_to_end(&mut said).expect("it answers");
        // Encrypted values are not text.
        String::from_utf8_lossy(&said).into_owned()
    }

    pub(super) fn kill(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }

    /// Starts it again after it was killed; it is empty.
    pub(super) fn restart(&mut self) {
        drop(std::fs::remove_file(self.socket()));
        self.process = launch(&self.directory).expect("it was there before");
        self.answers();
    }
}

fn launch(directory: &tempfile::TempDir) -> Option<Child> {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", "redis.sock"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
