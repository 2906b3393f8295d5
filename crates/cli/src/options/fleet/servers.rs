//! Servers of a file as configurations: their words are parsed as if they had been typed.

use mcp_proxy_core::{
    config::{Filter, FleetConfig, Policy, Rules, ServerConfig, Upstream, prefix},
    fleet::{Entry, Start, printable},
};

use super::super::{auth, upstream};
use crate::args::{UsageError, Values, flags};

/// Settings for every server, besides the flags.
#[derive(Default)]
pub(super) struct Everywhere {
    pub(super) rules: Rules,
    pub(super) policy: Policy,
}

/// A server of a file.
pub(super) fn server(
    values: &Values,
    everywhere: &Everywhere,
    file: &str,
    mut entry: Entry,
) -> ServerConfig {
    let Everywhere { rules, policy } = everywhere;
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
        policy: policy.clone().and(entry.policy),
        required: entry.required,
        lazy: entry.lazy,
    }
}

fn upstream_of(values: &Values, start: &Start) -> Result<Upstream, UsageError> {
    let words = start.words.iter().map(Into::into).collect();
    let values = values.under(&start.settings);
    auth::check_isolation(&values)?;
    upstream::server(&values, words)
}

/// What is wrong with a server, as one line that begins with the place.
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

/// The servers of `--namedServer`, and the command besides them.
pub(super) fn named(
    values: &Values,
    everywhere: &Everywhere,
) -> Result<Vec<ServerConfig>, UsageError> {
    let mut servers: Vec<ServerConfig> = Vec::new();
    for (name, command) in values.of(&flags::NAMED_SERVER)? {
        let refused = |problem: String| UsageError::NamedServer { name: name.clone(), problem };
        if let Some(twin) = servers.iter().find(|other| is_twin(&other.name, &name)) {
            return Err(refused(format!("its name is too similar to {:?}", twin.name)));
        }
        let words = shlex::split(&command)
            .filter(|words| !words.is_empty())
            .ok_or_else(|| refused("its command has a quote that is never closed".to_owned()))?;
        let words = words.into_iter().map(Into::into).collect();
        servers.push(bare(values, everywhere, name, words)?);
    }
    Ok(servers)
}

/// A server of which only the command is known.
pub(super) fn bare(
    values: &Values,
    everywhere: &Everywhere,
    name: String,
    words: Vec<std::ffi::OsString>,
) -> Result<ServerConfig, UsageError> {
    Ok(ServerConfig {
        name,
        upstream: Ok(upstream::server(values, words)?),
        rules: everywhere.rules.clone(),
        policy: everywhere.policy.clone(),
        ..ServerConfig::default()
    })
}

/// Whether two servers have the same prefix when merged.
pub(super) fn is_twin(one: &str, other: &str) -> bool {
    prefix(one).eq_ignore_ascii_case(&prefix(other))
}

/// Settings that are valid but probably not meant.
pub(super) fn warnings(config: &FleetConfig) -> Vec<String> {
    let insecure = |server: &&ServerConfig| matches!(&server.upstream, Ok(Upstream::Remote(remote)) if remote.insecure);
    let warning = |server: &ServerConfig| {
        format!(
            "{}: insecure: NO CERTIFICATE IS CHECKED. Whoever is between the proxy and this server \
             can read and change everything, credentials included",
            printable(&server.name)
        )
    };
    config.enabled().filter(insecure).map(warning).collect()
}

/// Servers with rules that need known callers, if callers are not identified: nobody can use these
/// servers.
pub(super) fn unusable(config: &FleetConfig) -> Option<String> {
    let needs = |server: &&ServerConfig| server.policy.needs_identity();
    let mut needing = config.enabled().filter(needs).map(|server| printable(&server.name));
    let first = needing.next().filter(|_| !config.http.asks_who_calls())?;
    let names = needing.fold(first, |names, name| names + ", " + &name);
    Some(format!(
        "{names}: \"auth\" requires scopes or claims, but clients are not asked for tokens, so \
         nobody can use what it protects; add \"issuer\" or \"tokens\" to \"auth\" at the top"
    ))
}
