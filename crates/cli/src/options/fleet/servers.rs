//! Servers of a file as configurations: their words are read as if they had been typed.

use mcp_proxy_core::{
    config::{Filter, FleetConfig, Rules, ServerConfig, Upstream, prefix},
    fleet::{Entry, Start},
};

use super::super::{rules, upstream};
use crate::args::{UsageError, Values, flags};

/// A server; `values` and `rules` are what holds for every one of them.
pub(super) fn server(values: &Values, rules: &Rules, file: &str, mut entry: Entry) -> ServerConfig {
    let Filter { allow, deny } = &mut entry.rules.tools.filter;
    allow.extend(rules.tools.filter.allow.iter().cloned());
    deny.extend(rules.tools.filter.deny.iter().cloned());
    let place = format!("{file}:{}", entry.position);
    let read = |start: Start| upstream_of(values, &start).map_err(|error| sentence(&place, &error));
    ServerConfig {
        upstream: entry.launch.map_err(|fault| fault.to_string()).and_then(read),
        name: entry.name,
        enabled: entry.enabled,
        rules: entry.rules,
        required: entry.required,
        lazy: entry.lazy,
        ..ServerConfig::default()
    }
}

fn upstream_of(values: &Values, start: &Start) -> Result<Upstream, UsageError> {
    let words = start.words.iter().map(Into::into).collect();
    upstream::server(&values.under(&start.settings), words)
}

/// What is wrong with a server in one line that begins with the place.
fn sentence(place: &str, error: &UsageError) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("Error: ").unwrap_or(&text);
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let line = line.join(" ");
    match error {
        UsageError::InvalidSetting { .. } => line,
        _ => format!("{place}: {line}"),
    }
}

/// The servers of `--namedServer`, and the command beside them.
pub(super) fn named(values: &Values) -> Result<Vec<ServerConfig>, UsageError> {
    let mut servers: Vec<ServerConfig> = Vec::new();
    for (name, command) in values.of(&flags::NAMED_SERVER)? {
        let refused = |problem: String| UsageError::NamedServer { name: name.clone(), problem };
        if let Some(twin) = servers.iter().find(|other| is_twin(&other.name, &name)) {
            return Err(refused(format!("its name is too much like {:?}", twin.name)));
        }
        let words = shlex::split(&command)
            .filter(|words| !words.is_empty())
            .ok_or_else(|| refused("its command has a quote that is never closed".to_owned()))?;
        servers.push(bare(values, name, words.into_iter().map(Into::into).collect())?);
    }
    Ok(servers)
}

/// A server of which only the command is known.
pub(super) fn bare(
    values: &Values,
    name: String,
    words: Vec<std::ffi::OsString>,
) -> Result<ServerConfig, UsageError> {
    Ok(ServerConfig {
        name,
        upstream: Ok(upstream::server(values, words)?),
        rules: rules(values)?,
        ..ServerConfig::default()
    })
}

/// Whether two names begin alike where servers are merged.
pub(super) fn is_twin(one: &str, other: &str) -> bool {
    prefix(one).eq_ignore_ascii_case(&prefix(other))
}

/// What is legal but probably not meant.
pub(super) fn warnings(config: &FleetConfig) -> Vec<String> {
    let insecure = |server: &&ServerConfig| matches!(&server.upstream, Ok(Upstream::Remote(remote)) if remote.insecure);
    let warning = |server: &ServerConfig| {
        format!(
            "{}: insecure: NO CERTIFICATE IS CHECKED. Whoever is between the proxy and this server \
             can read and change everything, credentials included",
            mcp_proxy_core::fleet::printable(&server.name)
        )
    };
    config.enabled().filter(insecure).map(warning).collect()
}
