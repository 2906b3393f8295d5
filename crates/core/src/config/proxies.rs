//! The reverse proxies in front whose `X-Forwarded-*` headers are trusted.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// Networks of the reverse proxies in front. The `X-Forwarded-*` headers of such a peer are
/// trusted; those of everybody else are ignored. None by default.
///
/// Parsed from a comma-separated list of networks (`10.0.0.0/8`), addresses, and the words
/// `loopback` and `private` (RFC 1918, RFC 4193 and link-local addresses).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// An entry that is neither a network nor one of the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 10.0.0.0/8, nor loopback or private")]
pub struct InvalidNetwork(String);

const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
const PRIVATE: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

impl TrustedProxies {
    /// Whether a peer with this address is one of them. An IPv4 address and its IPv4-mapped IPv6
    /// form are the same address.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;

    fn from_str(list: &str) -> Result<Self, InvalidNetwork> {
        let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut networks = Vec::new();
        for word in words {
            let named: &[&str] = match word.to_ascii_lowercase().as_str() {
                "loopback" => &LOOPBACK,
                "private" => &PRIVATE,
                _ => &[word],
            };
            for one in named {
                networks.push(network(one).ok_or_else(|| InvalidNetwork(word.to_owned()))?);
            }
        }
        Ok(Self(networks))
    }
}

fn network(word: &str) -> Option<IpNet> {
    let bare = word.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    let network: IpNet = word.parse().ok()?;
    // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
    let IpNet::V6(mapped) = network else { return Some(network) };
    match (mapped.addr().to_ipv4_mapped(), mapped.prefix_len().checked_sub(96)) {
        (Some(address), Some(length)) => IpNet::new(address.into(), length).ok(),
        _ => Some(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_trusted_in_whatever_way_its_network_is_written() {
        for (list, address, expected) in [
            ("", "127.0.0.1", false),
            (" , ", "127.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("::ffff:127.0.0.1", "127.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.9.8.7", true),
            ("::ffff:10.0.0.0/104", "11.9.8.7", false),
            ("10.0.0.0/8, 192.168.1.0/24", "192.168.1.77", true),
            ("10.0.0.0/8, 192.168.1.0/24", "192.168.2.77", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::5", true),
            ("[::1]", "::1", true),
            ("loopback", "127.3.4.5", true),
            ("Loopback", "::1", true),
            ("loopback", "10.0.0.1", false),
            ("private", "172.31.0.1", true),
            ("private", "172.32.0.1", false),
            ("private,loopback", "fd00::1", true),
        ] {
            let proxies: TrustedProxies = list.parse().unwrap();
            assert_eq!(proxies.trusts(address.parse().unwrap()), expected, "{list} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for list in
            ["*", "true", "10.0.0.0/33", "10.0.0", "a.example", "10.0.0.1/8/8", "::/129", "1"]
        {
            assert_eq!(
                list.parse::<TrustedProxies>(),
                Err(InvalidNetwork(list.to_owned())),
                "{list}"
            );
        }
    }
}
