//! The server behind a tunnel.

use tokio::net::TcpStream;

/// The server behind a tunnel.
pub trait LocalServer: Send + Sync + 'static {
    /// Answers the single HTTP/1.1 request on `connection`, without keep-alive.
    ///
    /// A tunnel server does not reuse a connection that stays open, and requests that wait for a
    /// pool connection wait until it is closed: only a new connection serves them. So a new one is
    /// opened when this completes. It is dropped when the tunnel is closed.
    ///
    /// The request may come from anybody: the peer's address is the tunnel server's, even if that
    /// is a loopback address, and says nothing about the client.
    fn serve(&self, connection: TcpStream) -> impl Future<Output = ()> + Send;
}
