//! Standard input and output of this process, whatever they are.
//!
//! Node makes the pipes of a process non-blocking once JavaScript looks at `process.stdin` or
//! `process.stdout`, and blocking calls fail on those. So pipes and sockets are read and written
//! without blocking; only for files and terminals are there threads.

use tokio::io::{AsyncRead, AsyncWrite, stdin, stdout};

/// See the module.
pub(super) struct Streams {
    pub(super) input: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) output: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Streams {
    /// Needs a runtime.
    pub(super) fn of_process() -> Self {
        #[cfg(unix)]
        let (input, output) = (unix::input(), unix::output());
        #[cfg(not(unix))]
        let (input, output) = (None, None);
        Self {
            input: input.unwrap_or_else(|| Box::new(stdin())),
            output: output.unwrap_or_else(|| Box::new(stdout())),
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        io,
        os::fd::{AsFd, OwnedFd},
        os::unix::net::UnixStream as Socket,
    };

    use tokio::{
        io::{AsyncRead, AsyncWrite},
        net::{UnixStream, unix::pipe},
    };

    pub(super) fn input() -> Option<Box<dyn AsyncRead + Send + Unpin>> {
        let fd = || io::stdin().as_fd().try_clone_to_owned().ok();
        match pipe::Receiver::from_owned_fd(fd()?) {
            Ok(pipe) => Some(Box::new(pipe)),
            Err(_) => Some(Box::new(socket(fd()?)?)),
        }
    }

    pub(super) fn output() -> Option<Box<dyn AsyncWrite + Send + Unpin>> {
        let fd = || io::stdout().as_fd().try_clone_to_owned().ok();
        match pipe::Sender::from_owned_fd(fd()?) {
            Ok(pipe) => Some(Box::new(pipe)),
            Err(_) => Some(Box::new(socket(fd()?)?)),
        }
    }

    /// Node gives its children sockets for standard streams.
    fn socket(fd: OwnedFd) -> Option<UnixStream> {
        let socket = Socket::from(fd);
        socket.local_addr().ok()?;
        socket.set_nonblocking(true).ok()?;
        UnixStream::from_std(socket).ok()
    }
}
