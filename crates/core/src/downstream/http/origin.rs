//! Where a connection comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::Extensions;

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

/// Where a request comes from, in the extensions of its head: for other replicas, and for sessions
/// that continue here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    pub(super) origin: Origin,
    /// The client's address, as trusted proxies report it.
    pub(super) address: Option<IpAddr>,
}

impl Sender {
    /// What is known about the request with this head.
    pub(super) fn of(head: &Extensions) -> Self {
        let unknown = Self { origin: Origin::UNKNOWN, address: None };
        head.get::<Self>().copied().unwrap_or(unknown)
    }
}
