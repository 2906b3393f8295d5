//! The connection to a host: its name, its port, its certificate.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use reqwest::Url;
use rustls::CertificateError;
use rustls_pki_types::ServerName;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::certificate;
use crate::{
    config::RemoteConfig,
    doctor::{
        codes::{
            BAD_SETTING, CLEARTEXT, EXPIRED, EXPIRES_SOON, NO_CONNECTION, NO_HOST, NO_TLS,
            OTHER_NAME, UNTRUSTED,
        },
        report::Stage,
    },
    upstream::tls_config,
};

/// Time limit for resolving a name, and for each address.
const PATIENCE: Duration = Duration::from_secs(5);
/// Days before its expiry from which on a certificate should have been renewed.
const SOON: i64 = 14;

/// Resolves the host.
pub(super) async fn resolve(url: &Url, stage: &mut Stage) -> Vec<SocketAddr> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or_default();
    if url.scheme() == "http" && !is_near(&host) {
        stage.find(CLEARTEXT, "", format!("{host} is reached by http://"));
    }
    match timeout(PATIENCE, lookup_host((host.as_str(), port))).await {
        Ok(Ok(addresses)) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            let shown: Vec<String> =
                addresses.iter().take(4).map(|address| address.ip().to_string()).collect();
            stage.says(shown.join(", "));
            if addresses.is_empty() {
                stage.fail(NO_HOST, format!("{host} has no address"));
            }
            addresses
        }
        Ok(Err(error)) => {
            stage.fail(NO_HOST, format!("{host}: {error}"));
            Vec::new()
        }
        Err(_) => {
            stage.fail(NO_HOST, format!("{host}: no answer in {} s", PATIENCE.as_secs()));
            Vec::new()
        }
    }
}

/// Whether a host is on this machine or in its own network.
fn is_near(host: &str) -> bool {
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => {
            !host.contains('.')
                || [".local", ".internal", ".localhost"].iter().any(|end| host.ends_with(end))
        }
    }
}

/// Connects to the first address that accepts.
pub(super) async fn connect(addresses: &[SocketAddr], stage: &mut Stage) -> Option<TcpStream> {
    let mut problems = Vec::new();
    for address in addresses {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stage.says(address.to_string());
                return Some(stream);
            }
            Ok(Err(error)) => problems.push(format!("{address}: {error}")),
            Err(_) => problems.push(format!("{address}: no answer in {} s", PATIENCE.as_secs())),
        }
        if problems.len() >= 3 {
            break;
        }
    }
    stage.fail(NO_CONNECTION, problems.join("; "));
    None
}

/// Shakes hands as the proxy does, and looks at the certificate.
pub(super) async fn handshake(
    config: &RemoteConfig,
    url: &Url,
    stream: TcpStream,
    stage: &mut Stage,
) {
    let tls = match tls_config(config) {
        Ok(tls) => tls,
        Err(error) => return stage.fail(BAD_SETTING, error.to_string()),
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let Ok(name) = ServerName::try_from(host) else {
        return stage.fail(OTHER_NAME, "certificates cannot contain a host name of this kind");
    };
    let connector = TlsConnector::from(Arc::new(tls));
    let shaken = match timeout(2 * PATIENCE, connector.connect(name, stream)).await {
        Ok(Ok(shaken)) => shaken,
        Ok(Err(error)) => return refused(&error, stage),
        Err(_) => return stage.fail(NO_TLS, "nothing came back"),
    };
    let (_, session) = shaken.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str());
    let chain = session.peer_certificates().unwrap_or_default();
    let days =
        chain.first().and_then(|first| certificate::last_day(first)).map(|day| day - today());
    let detail = version.unwrap_or("TLS").replace('_', ".");
    match days {
        Some(days) => {
            stage.says(format!("{detail}, {} certificates, {days} days left", chain.len()));
            if (0..=SOON).contains(&days) {
                stage.find(EXPIRES_SOON, "", format!("{days} days are left"));
            }
        }
        None => stage.says(detail),
    }
}

fn today() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs() / (24 * 60 * 60)).unwrap_or(i64::MAX)
}

fn refused(error: &io::Error, stage: &mut Stage) {
    let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<rustls::Error>());
    let Some(inside) = inside else {
        return stage.fail(NO_TLS, format!("the handshake broke off: {error}"));
    };
    let code = match inside {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => EXPIRED,
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => OTHER_NAME,
        rustls::Error::InvalidCertificate(_) => UNTRUSTED,
        _ => NO_TLS,
    };
    stage.fail(code, inside.to_string());
}
