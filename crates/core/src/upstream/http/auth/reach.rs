//! Limits the addresses to which a remote server's metadata may lead.
//!
//! Metadata name other servers, which are then requested. A server on the internet must not make
//! this machine send requests to itself or its neighbours. So addresses in a closer network than
//! the server's own are refused, in URLs and when names are resolved.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, OnceLock},
};

use http::Method;
use reqwest::{
    Client, RequestBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::net::lookup_host;

use crate::identity::issuer::address::{embedded, is_private};

/// Kinds of addresses, from far to near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Public,
    Private,
    /// The network of this machine, and the addresses where clouds offer a machine its secrets.
    Link,
    Loopback,
}

impl Zone {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => match embedded(address) {
                Some(inner) => Self::of_v4(inner),
                None => Self::of_v6(address),
            },
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        if address.is_loopback() || address.octets()[0] == 0 {
            Self::Loopback
        } else if address.is_link_local() || address.is_multicast() || address.is_broadcast() {
            Self::Link
        } else if is_private(address.into()) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() || address.is_unspecified() {
            Self::Loopback
        } else if address.is_unicast_link_local() || address.is_multicast() {
            Self::Link
        } else if is_private(address.into()) {
            Self::Private
        } else {
            Self::Public
        }
    }

    /// Whether a server at such an address may name one at that.
    fn may_name(self, other: Self) -> bool {
        other == Self::Public || other == self || (self == Self::Loopback && other == Self::Private)
    }
}

/// What a server's metadata may lead to.
#[derive(Debug)]
pub(in crate::upstream::http) struct Rules {
    /// The server's own host and port.
    server: (String, u16),
    /// The kind of address at which the server was found; unset before that.
    zone: OnceLock<Zone>,
    /// Hosts that the operator has configured.
    named: Vec<String>,
}

impl Rules {
    /// For the metadata of this server; `named` hosts come from the operator.
    pub(in crate::upstream::http) fn new(server: &Url, named: Vec<String>) -> Arc<Self> {
        let host = bare(server).unwrap_or_default();
        let server = (host, server.port_or_known_default().unwrap_or_default());
        Arc::new(Self { server, zone: OnceLock::new(), named })
    }

    /// Finds out where the server is. A name that cannot be resolved, or has addresses of several
    /// kinds, counts as public.
    async fn locate(&self) {
        if self.zone.get().is_some() {
            return;
        }
        let (host, port) = &self.server;
        let found = lookup_host((host.as_str(), *port)).await;
        let zones: Vec<_> = found.into_iter().flatten().map(|found| Zone::of(found.ip())).collect();
        let everywhere =
            zones.first().copied().filter(|first| zones.iter().all(|zone| zone == first));
        // Another task may have found out meanwhile, which is as good.
        self.zone.get_or_init(|| everywhere.unwrap_or(Zone::Public));
    }

    fn allow(&self, host: &str, address: IpAddr) -> bool {
        let zone = self.zone.get().copied().unwrap_or(Zone::Public);
        zone.may_name(Zone::of(address)) || self.named.iter().any(|named| named == host)
    }
}

/// Resolves the names in URLs, and those of proxies on the way, and refuses forbidden addresses.
#[derive(Debug)]
pub(in crate::upstream::http) struct Resolver(pub(in crate::upstream::http) Arc<Rules>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = lookup_host((host, 0)).await?.collect();
            let allowed = |found: &SocketAddr| rules.allow(&host.to_ascii_lowercase(), found.ip());
            if found.iter().all(allowed) {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let refused = io::Error::other(refusal(host));
            Err(Box::new(refused) as Box<dyn std::error::Error + Send + Sync>)
        })
    }
}

fn refusal(host: &str) -> String {
    let host = super::super::fault::excerpt(host.as_bytes());
    format!(
        "the server names {host}, which is on this machine or in its network while the server is \
         not; if an authorization server is meant to be there, name it with --issuer"
    )
}

/// A client for requests to what a server names.
#[derive(Debug)]
pub(in crate::upstream::http) struct Reach {
    client: Client,
    rules: Arc<Rules>,
}

impl Reach {
    /// `client` has no credentials and resolves names with a [`Resolver`] of these rules.
    pub(in crate::upstream::http) fn new(client: Client, rules: Arc<Rules>) -> Self {
        Self { client, rules }
    }

    /// A request to a URL, if it is allowed.
    pub(super) async fn request(
        &self,
        method: Method,
        url: &Url,
    ) -> Result<RequestBuilder, String> {
        self.rules.locate().await;
        let host = bare(url).unwrap_or_default();
        if let Ok(address) = host.parse()
            && !self.rules.allow(&host, address)
        {
            return Err(refusal(&host));
        }
        Ok(self.client.request(method, url.clone()))
    }
}

/// The host of a URL, without the brackets of an address.
pub(in crate::upstream::http) fn bare(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(address: &str) -> Zone {
        Zone::of(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_told_apart_however_they_are_dressed() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "::127.0.0.1",
        ] {
            assert_eq!(zone(address), Zone::Loopback, "{address}");
        }
        for address in [
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "192.0.0.1",
            "240.0.0.1",
            "fd00::1",
            "fec0::1",
            "2002:a00:1::",
            "::10.0.0.1",
            "64:ff9b:1::a00:1",
        ] {
            assert_eq!(zone(address), Zone::Private, "{address}");
        }
        for address in
            ["169.254.169.254", "fe80::1", "224.0.0.1", "255.255.255.255", "::ffff:169.254.169.254"]
        {
            assert_eq!(zone(address), Zone::Link, "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "64:ff9b::808:808"]
        {
            assert_eq!(zone(address), Zone::Public, "{address}");
        }
    }

    #[test]
    fn a_server_names_what_is_as_far_away_as_itself() {
        use Zone::{Link, Loopback, Private, Public};
        let named =
            |from: Zone| [Public, Private, Link, Loopback].map(|other| from.may_name(other));
        assert_eq!(named(Public), [true, false, false, false]);
        assert_eq!(named(Private), [true, true, false, false]);
        assert_eq!(named(Loopback), [true, true, false, true]);
    }

    fn reach(server: &str, zone: Option<Zone>, named: &[&str]) -> Reach {
        let rules = Rules::new(
            &server.parse().unwrap(),
            named.iter().map(|&name| name.to_owned()).collect(),
        );
        if let Some(zone) = zone {
            rules.zone.set(zone).unwrap();
        }
        let client = Client::builder()
            .dns_resolver(Resolver(Arc::clone(&rules)))
            .tls_backend_preconfigured(
                rustls::ClientConfig::builder_with_provider(Arc::new(
                    rustls::crypto::ring::default_provider(),
                ))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth(),
            )
            .no_proxy()
            .build();
        Reach::new(client.unwrap(), rules)
    }

    #[tokio::test]
    async fn what_is_nearer_than_the_server_is_refused_by_address_and_by_name() {
        let elsewhere = reach("https://example.com", Some(Zone::Public), &[]);
        for url in [
            "http://127.0.0.1:1/x",
            "http://[::1]:1/x",
            "https://169.254.169.254/",
            "https://10.0.0.1/",
        ] {
            let refused = elsewhere.request(Method::GET, &url.parse().unwrap()).await;
            assert!(refused.unwrap_err().contains("--issuer"), "{url}");
        }
        let by_name = elsewhere.request(Method::GET, &"http://localhost:1/".parse().unwrap()).await;
        let refused =
            super::super::super::fault::chain(&by_name.unwrap().send().await.unwrap_err());
        assert!(refused.contains("names localhost"), "{refused}");
    }

    #[tokio::test]
    async fn a_server_on_this_machine_and_the_operator_may_name_it() {
        let here = reach("http://127.0.0.1:9/mcp", None, &[]);
        assert!(here.request(Method::GET, &"http://127.0.0.1:1/".parse().unwrap()).await.is_ok());
        assert_eq!(here.rules.zone.get(), Some(&Zone::Loopback));
        let told = reach("https://example.com", Some(Zone::Public), &["10.0.0.1", "localhost"]);
        assert!(told.request(Method::GET, &"https://10.0.0.1/".parse().unwrap()).await.is_ok());
        let by_name = told.request(Method::GET, &"http://localhost:1/".parse().unwrap()).await;
        let failed = super::super::super::fault::chain(&by_name.unwrap().send().await.unwrap_err());
        assert!(!failed.contains("names localhost"), "{failed}");
    }
}
