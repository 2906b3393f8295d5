//! Where a connection comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// This end.
    pub(crate) local: SocketAddr,
    /// Whether the connection is TLS.
    pub(crate) encrypted: bool,
}

impl Origin {
    /// An unknown origin, for requests whose connection was not examined.
    pub(super) const UNKNOWN: Self = Self { peer: NOWHERE, local: NOWHERE, encrypted: false };

    /// Whether the peer is on this machine.
    pub(super) fn is_loopback(self) -> bool {
        self.peer.ip().to_canonical().is_loopback()
    }
}
