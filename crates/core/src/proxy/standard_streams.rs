//! Standard input and output of this process, whatever they are.
//!
//! Pipes and sockets are read and written without blocking; only for files and terminals are there
//! threads, which cost several times as much for each message. Blocking calls would not do either
//! where Node is about: it makes the pipes of a process non-blocking once JavaScript looks at
//! `process.stdin` or `process.stdout`.

use tokio::io::{AsyncRead, AsyncWrite, stdin, stdout};

pub(crate) type Input = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// See the module. Needs a Tokio runtime.
pub(crate) fn standard_streams() -> (Input, Output) {
    #[cfg(unix)]
    let (input, output) = (unix::input(), unix::output());
    #[cfg(not(unix))]
    let (input, output) = (None, None);
    (input.unwrap_or_else(|| Box::new(stdin())), output.unwrap_or_else(|| Box::new(stdout())))
}

#[cfg(unix)]
mod unix {
    use std::{
        io,
        os::fd::{AsFd, OwnedFd},
        os::unix::net::UnixStream as Socket,
    };

    use tokio::net::{UnixStream, unix::pipe};

    use super::{Input, Output};

    pub(super) fn input() -> Option<Input> {
        let fd = || io::stdin().as_fd().try_clone_to_owned().ok();
        let reopened = pipe::OpenOptions::new().open_receiver(own(0));
        match reopened.or_else(|error| pipe::Receiver::from_owned_fd(fd().ok_or(error)?)) {
            Ok(pipe) => Some(Box::new(pipe)),
            Err(_) => Some(Box::new(socket(fd()?)?)),
        }
    }

    pub(super) fn output() -> Option<Output> {
        let fd = || io::stdout().as_fd().try_clone_to_owned().ok();
        let reopened = pipe::OpenOptions::new().open_sender(own(1));
        match reopened.or_else(|error| pipe::Sender::from_owned_fd(fd().ok_or(error)?)) {
            Ok(pipe) => Some(Box::new(pipe)),
            Err(_) => Some(Box::new(socket(fd()?)?)),
        }
    }

    /// Where Linux opens a pipe once more, with flags of its own: one that is merely duplicated
    /// becomes non-blocking for every process that holds it.
    fn own(fd: u8) -> String {
        format!("/proc/self/fd/{fd}")
    }

    /// Node gives its children sockets for standard streams.
    fn socket(fd: OwnedFd) -> Option<UnixStream> {
        let socket = Socket::from(fd);
        socket.local_addr().ok()?;
        socket.set_nonblocking(true).ok()?;
        UnixStream::from_std(socket).ok()
    }
}
