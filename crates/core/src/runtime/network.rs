//! How clients are told apart by their addresses.

use std::net::{IpAddr, Ipv6Addr};

/// The address or network that is counted: a client with IPv6 has a network of 64 bits, and may use
/// all of its addresses.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}
