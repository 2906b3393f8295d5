//! This process's standard input and output, of any kind.
//!
//! Pipes and sockets are read and written without blocking. Only files and terminals use threads,
//! which cost several times as much per message. Blocking calls would not work with Node anyway: it
//! makes the pipes of a process non-blocking once JavaScript uses `process.stdin` or
//! `process.stdout`.

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

    /// On Linux a pipe is opened again, with flags of its own: a duplicated one would become
    /// non-blocking for every process that shares it.
    fn own(fd: u8) -> String {
        format!("/proc/self/fd/{fd}")
    }

    /// Node gives its children sockets as standard streams.
    fn socket(fd: OwnedFd) -> Option<UnixStream> {
        let socket = Socket::from(fd);
        socket.local_addr().ok()?;
        socket.set_nonblocking(true).ok()?;
        UnixStream::from_std(socket).ok()
    }
}
