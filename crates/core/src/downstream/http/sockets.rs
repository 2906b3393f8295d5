//! Opens ports.

use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Backlog of connections to be accepted, as in Node's HTTP server.
const BACKLOG: i32 = 511;

/// Whether a port is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    Alone,
    /// Other processes may listen on it, too; the system distributes the connections.
    Shared,
}

/// Opens a port.
pub(super) fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    listen_as(host, port, Sharing::Alone)
}

pub(super) fn listen_as(host: &str, port: u16, sharing: Sharing) -> io::Result<TcpListener> {
    let mut last = None;
    for address in (host, port).to_socket_addrs()? {
        match bind(address, sharing) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    // Without IPv6, "every interface" means every IPv4 interface.
    if host == "::"
        && last.as_ref().is_some_and(|error| error.kind() != io::ErrorKind::AddrInUse)
        && let Ok(listener) = bind(SocketAddr::from(([0, 0, 0, 0], port)), sharing)
    {
        return Ok(listener);
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "host not found")))
}

fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip().is_unspecified() && address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    if cfg!(unix) {
        socket.set_reuse_address(true)?;
    }
    #[cfg(unix)]
    if sharing == Sharing::Shared {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    let _ = sharing;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
