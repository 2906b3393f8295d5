//! `--checkConfig`: the content of a file, with its secrets masked, and what is wrong with it.

use mcp_proxy_core::{
    check_auth,
    config::{Claims, Filter, GroupConfig, Pattern, Policy, Rules, ServerConfig},
    fleet::{Entry, Manifest, Setting, Unused, Variables, printable},
};

use super::{Origin, Reading};
use crate::args::{Typed, UsageError, flags};

/// The replacement for a secret.
const MASK: &str = "***";

/// Flags whose value is a secret.
const SECRETS: [&str; 4] = [
    flags::API_KEY.name,
    flags::AUTH_INTROSPECT.name,
    flags::BEARER_TOKEN.name,
    flags::CLIENT_SECRET.name,
];

/// Flags whose words are a name and a secret, and the separator.
const PAIRS: [(&str, char); 3] =
    [(flags::ENV.name, '='), (flags::HEADER.name, ':'), (flags::AUTHORIZE_PARAM.name, '=')];

/// Variables that are not secrets.
const PLAIN: [&str; 7] = ["HOME", "USER", "LOGNAME", "PWD", "TMPDIR", "USERPROFILE", "APPDATA"];

/// The result.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) text: String,
    /// Whether the proxy can start, and every enabled server can be served.
    pub(crate) is_good: bool,
}

/// Reads the configuration; starts nothing.
pub(crate) fn check(typed: &Typed) -> Result<Report, UsageError> {
    let mut typed = typed.clone();
    let is_named = typed.values.has(&flags::CONFIG)
        || typed.values.has(&flags::NAMED_SERVER_CONFIG)
        || typed.values.has(&flags::NAMED_SERVER);
    if !is_named {
        let word = match typed.command.as_slice() {
            [word] => word.to_str().map(str::to_owned),
            _ => None,
        };
        let word = word.ok_or(UsageError::CheckWhat)?;
        typed.values.set(flags::CONFIG.name, word);
        typed.command.clear();
    }
    let mut origin = Origin::of(&typed)?.ok_or(UsageError::CheckWhat)?;
    let manifest = origin.manifest()?;
    origin.ask(manifest.as_ref(), true)?;
    let reading = origin.meaning(manifest.as_ref())?;
    let is_served = !typed.values.of(&flags::STDIO)?;
    let problem = is_served.then(|| check_auth(&reading.fleet.http).err()).flatten();
    report(&origin, manifest.as_ref(), (&reading, problem.map(|error| error.to_string())))
}

fn report(
    origin: &Origin,
    manifest: Option<&Manifest>,
    (reading, problem): (&Reading, Option<String>),
) -> Result<Report, UsageError> {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let masked = match manifest {
        Some(manifest) => Some((manifest, masked(origin.variables(manifest)?))),
        None => None,
    };
    if let Some((manifest, variables)) = &masked {
        line(&format!("{}: {}", manifest.file(), manifest.dialect()));
        let settings = manifest.settings(variables).unwrap_or_default();
        let groups = &reading.fleet.groups;
        if !settings.is_empty() || !groups.is_empty() {
            line("\nSettings");
        }
        settings.iter().flat_map(shown).for_each(|setting| line(&format!("  {setting}")));
        for GroupConfig { name, servers } in groups {
            line(&format!("  group {}: {}", printable(name), printable(&servers.join(", "))));
        }
    }
    line("\nServers");
    let entries = masked.map(|(manifest, variables)| manifest.entries(&variables));
    let entries = entries.unwrap_or_default();
    let widest = reading.fleet.servers.iter().map(|server| server.name.chars().count()).max();
    let width = widest.unwrap_or_default().min(24);
    for server in &reading.fleet.servers {
        let entry = entries.iter().find(|entry| entry.name == server.name);
        let mut name = format!("{:<width$}", printable(&server.name));
        for said in said(server, entry) {
            line(format!("  {name}  {said}").trim_end());
            name = " ".repeat(width);
        }
    }
    if !reading.unused.is_empty() {
        line("\nNot used");
        for unused in unused(&reading.unused) {
            line(&format!("  {unused}"));
        }
    }
    if !reading.warnings.is_empty() {
        line("\nWarnings");
        reading.warnings.iter().for_each(|warning| line(&format!("  {}", printable(warning))));
    }
    if let Some(problem) = &problem {
        line(&format!("\nThe proxy cannot start: {}", printable(problem)));
    }
    let enabled = reading.fleet.enabled().count();
    let good = reading.fleet.enabled().filter(|server| server.upstream.is_ok()).count();
    line(&format!("\n{good} of {enabled} servers can be served"));
    Ok(Report { text, is_good: good == enabled && problem.is_none() })
}

/// The lines about a server.
fn said(server: &ServerConfig, entry: Option<&Entry>) -> Vec<String> {
    if !server.enabled {
        return vec!["switched off".to_owned()];
    }
    if let Err(problem) = &server.upstream {
        return vec![format!("cannot be served: {}", printable(problem))];
    }
    let Some(start) = entry.and_then(|entry| entry.launch.as_ref().ok()) else {
        return vec!["given on the command line".to_owned()];
    };
    let mut lines = vec![printable(&words(&start.words))];
    lines.extend(start.settings.iter().flat_map(shown));
    lines.extend(rules(&server.rules));
    lines.extend(callers(&server.policy));
    lines.extend(server.required.then(|| "required".to_owned()));
    lines.extend(server.lazy.then(|| "lazy".to_owned()));
    lines
}

/// A setting in words, one line each.
fn shown(setting: &Setting) -> Vec<String> {
    let one = |word: &String| {
        let pair = PAIRS.iter().find(|(name, _)| *name == setting.name);
        let value = match pair.and_then(|(_, between)| word.split_once(*between)) {
            Some((name, _)) if setting.name == flags::HEADER.name => format!("{name}: {MASK}"),
            Some((name, _)) => format!("{name}={MASK}"),
            None if SECRETS.contains(&setting.name) => MASK.to_owned(),
            None => masked_url(word),
        };
        printable(&format!("{} {value}", setting.name))
    };
    setting.words.iter().map(one).collect()
}

fn rules(rules: &Rules) -> Vec<String> {
    let tools = &rules.tools;
    let mut lines = Vec::new();
    for (what, filter) in
        [("tools", &tools.filter), ("prompts", &rules.prompts), ("resources", &rules.resources)]
    {
        lines.extend(filtered(what, filter));
    }
    let renamed = tools.rename.iter().map(|(old, new)| format!("tool {old} is called {new}"));
    lines.extend(renamed);
    lines.extend(tools.describe.keys().map(|name| format!("tool {name} has another description")));
    let fixed = tools.arguments.iter().map(|(name, arguments)| {
        let names: Vec<&str> = arguments.keys().map(String::as_str).collect();
        format!("tool {name} has fixed arguments: {}", names.join(", "))
    });
    lines.extend(fixed);
    lines.iter().map(|line| printable(line)).collect()
}

/// What callers may do, including the settings at the top.
fn callers(policy: &Policy) -> Vec<String> {
    let claims = |claims: &Claims| {
        let one =
            |(name, values): &(String, Vec<String>)| format!("{name} {}", values.join(" or "));
        claims.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    if !policy.scopes.is_empty() {
        lines.push(format!("auth: scopes {}", policy.scopes.join(" ")));
    }
    if !policy.claims.is_empty() {
        lines.push(format!("auth: claims {}", claims(&policy.claims)));
    }
    for rule in &policy.tools {
        let (Pattern::Exact(tools) | Pattern::Glob(tools)) = &rule.tools;
        let parts = [
            (!rule.scopes.is_empty()).then(|| format!("scopes {}", rule.scopes.join(" "))),
            (!rule.claims.is_empty()).then(|| format!("claims {}", claims(&rule.claims))),
            rule.rate.map(|rate| format!("{} calls in {} s", rate.calls, rate.time.as_secs())),
            rule.concurrency.map(|most| format!("{most} at a time")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        lines.push(format!("auth: tools {tools}: {}", parts.join("; ")));
    }
    lines.extend(policy.forward_identity.then(|| "auth: gets the caller's identity".to_owned()));
    lines.iter().map(|line| printable(line)).collect()
}

fn filtered(what: &str, filter: &Filter) -> Vec<String> {
    let list = |patterns: &[Pattern]| {
        let pattern = |pattern: &Pattern| match pattern {
            Pattern::Exact(text) | Pattern::Glob(text) => text.clone(),
        };
        patterns.iter().map(pattern).collect::<Vec<_>>().join(", ")
    };
    let allow = filter.allow.iter().map(|patterns| format!("only {what} {}", list(patterns)));
    let deny = (!filter.deny.is_empty()).then(|| format!("no {what} {}", list(&filter.deny)));
    allow.chain(deny).collect()
}

/// Variables in a form that may be shown.
fn masked(mut variables: Variables) -> Variables {
    for (name, value) in &mut variables.environment {
        if !value.is_empty() && !PLAIN.contains(&name.as_str()) {
            MASK.clone_into(value);
        }
    }
    variables.inputs.values_mut().for_each(|value| MASK.clone_into(value));
    variables
}

/// A command in a form that may be shown: what follows `--token` or `api_key=` is masked.
fn words(words: &[String]) -> String {
    let mut hides_next = false;
    let mut shown = Vec::new();
    for word in words {
        let hidden = std::mem::take(&mut hides_next);
        shown.push(match word.split_once('=') {
            _ if word.contains("://") => masked_url(word),
            _ if hidden && !word.starts_with('-') => MASK.to_owned(),
            Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
            _ => {
                hides_next = word.starts_with('-') && is_secret(word);
                masked_url(word)
            }
        });
    }
    let quoted = |word: &String| {
        if word.is_empty() || word.contains(char::is_whitespace) {
            format!("{word:?}")
        } else {
            word.clone()
        }
    };
    shown.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "passwd", "apikey", "api-key", "api_key", "credential", "auth"]
        .iter()
        .any(|part| name.contains(part))
        || name.ends_with("key")
}

/// A URL without its possibly secret parts: the user, and the values in its query.
fn masked_url(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, query)) => {
            let pair = |pair: &str| match pair.split_once('=') {
                Some((name, _)) => format!("{name}={MASK}"),
                None => pair.to_owned(),
            };
            format!("{path}?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
        }
        None => path.to_owned(),
    };
    format!("{scheme}://{authority}{path}")
}

/// Unused members, in lines: similar ones together, all of the client's own in one.
pub(crate) fn unused(unused: &[Unused]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (of_client, others): (Vec<&Unused>, Vec<&Unused>) =
        unused.iter().partition(|unused| unused.reason.is_empty() && !unused.path.contains('.'));
    let mut groups: Vec<(&str, &str, Vec<&Unused>)> = Vec::new();
    for unused in others {
        let name = unused.path.rsplit('.').next().unwrap_or_default();
        match groups.iter_mut().find(|(other, why, _)| *other == name && *why == unused.reason) {
            Some((_, _, alike)) => alike.push(unused),
            None => groups.push((name, unused.reason, vec![unused])),
        }
    }
    for (name, reason, alike) in groups {
        let place = |unused: &&Unused| format!("{} ({})", unused.path, unused.position);
        let what = match alike.as_slice() {
            [one] => place(one),
            all => {
                let places: Vec<String> =
                    all.iter().map(|unused| unused.position.to_string()).collect();
                format!("{name} of {} servers ({})", all.len(), places.join(", "))
            }
        };
        lines.push(if reason.is_empty() { what } else { format!("{what}: {reason}") });
    }
    if let Some(first) = of_client.first() {
        let names: Vec<&str> = of_client.iter().map(|unused| unused.path.as_str()).collect();
        lines.push(format!("{} (from {} on)", names.join(", "), first.position));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let line =
            |line: &[&str]| words(&line.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        for (given, expected) in [
            (&["c", "--token", "s3cret", "x"][..], "c --token *** x"),
            (&["c", "--api-key=s3cret"], "c --api-key=***"),
            (&["c", "API_KEY=s3cret", "a b"], "c API_KEY=*** \"a b\""),
            (&["c", "--token", "--next", "x"], "c --token --next x"),
            (&["https://u:s3cret@h/p?key=s3cret&b#f"], "https://***@h/p?key=***&b#f"),
            (&["https://h/p"], "https://h/p"),
        ] {
            assert_eq!(line(given), expected);
        }
    }
}
