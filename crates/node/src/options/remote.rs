//! The options of `startStdioServer` that need no SDK.

use std::{collections::BTreeMap, env::var_os, path::PathBuf};

use mcp_proxy_core::config::{RecordingConfig, RemoteConfig, RemoteTransport, UpstreamProtocol};

use super::{
    given::{Given, Wrong},
    recording::recording,
    upstream::word,
};

/// A remote server to serve, and the recording file.
pub(crate) struct Remote {
    pub(crate) server: RemoteConfig,
    pub(crate) recording: Option<RecordingConfig>,
}

/// The remote server to serve, with the certificates that Node's own client trusts.
pub(crate) fn remote(json: &str) -> Result<Remote, Wrong> {
    let given = Given::parse(json)?;
    Ok(Remote { server: server(&given)?, recording: recording(&given)? })
}

fn server(given: &Given) -> Result<RemoteConfig, Wrong> {
    let headers = given.take::<BTreeMap<String, String>>("headers")?.unwrap_or_default();
    let transport =
        if given.switch("sse", false)? { RemoteTransport::Sse } else { RemoteTransport::Stream };
    Ok(RemoteConfig {
        transport,
        protocol: word(given, "upstreamProtocol", UpstreamProtocol::Legacy)?,
        headers: headers.into_iter().collect(),
        ca_certs: extra_authorities(),
        insecure: var_os("NODE_TLS_REJECT_UNAUTHORIZED").is_some_and(|value| value == "0"),
        ..RemoteConfig::new(given.need::<String>("url")?)
    })
}

/// Further authorities that Node trusts; Node warns about a missing file.
fn extra_authorities() -> Vec<PathBuf> {
    let named = var_os("NODE_EXTRA_CA_CERTS").map(PathBuf::from);
    named.filter(|file| file.exists()).into_iter().collect()
}
