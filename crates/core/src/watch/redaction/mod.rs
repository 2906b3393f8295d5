//! Removes credentials from everything that leaves a ring.
//!
//! That is: headers with credentials, JSON members with secret names, texts of known forms (`Bearer
//! …`, `sk-…`, a JWT, a private key), and what the configuration names. Nothing else is changed, so
//! a message without secrets keeps its bytes.

mod json;
mod names;
mod rules;
mod shapes;

use std::borrow::Cow;

pub(crate) use self::rules::REDACTED;
use self::{
    names::Plain,
    rules::{Hidden, Path, Rules},
};
use super::headers::Headers;
use crate::config::RedactionConfig;

/// Headers with credentials, besides those with secret names.
const HEADERS: [&str; 6] =
    ["authorization", "cookie", "dpop", "mcp-session-id", "proxy-authorization", "set-cookie"];

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    off: bool,
    rules: Rules,
}

impl Redaction {
    pub(crate) fn new(config: &RedactionConfig) -> Self {
        let (paths, names) = config.what.iter().partition::<Vec<_>, _>(|it| is_path(it));
        Self {
            off: config.off,
            rules: Rules {
                names: names
                    .iter()
                    .map(|name| Plain::of(name.as_bytes()).text().to_owned())
                    .collect(),
                paths: paths.iter().map(|path| steps(path)).collect(),
            },
        }
    }

    /// Whether everything is left as it is.
    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    /// A message, or a text that may be one, without secrets.
    pub(crate) fn text<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        if self.off || self.leaves(text) {
            return text.into();
        }
        let found = if text.trim_ascii_start().starts_with(b"{")
            || text.trim_ascii_start().starts_with(b"[")
        {
            json::secrets(text, &self.rules)
        } else {
            let shapes = shapes::secrets(text).into_iter();
            shapes.map(|range| (range, REDACTED)).collect()
        };
        if found.is_empty() { text.into() } else { replaced(text, &found).into() }
    }

    /// Whether a look at the text is enough to see that it contains no secret: most contain none.
    fn leaves(&self, text: &[u8]) -> bool {
        // In broken JSON, the colon behind a name may be missing.
        let has_names = |text| {
            let mut signs = memchr::memchr3_iter(b':', b'=', b'"', text);
            signs.any(|sign| names::may_end_here(&text[..sign]))
        };
        self.rules.names.is_empty()
            && self.rules.paths.is_empty()
            && !shapes::is_marked(text)
            && !has_names(text)
    }

    /// A line without secrets.
    pub(crate) fn line<'a>(&self, line: &'a str) -> Cow<'a, str> {
        if self.off { line.into() } else { without(line.into(), &shapes::secrets(line.as_bytes())) }
    }

    /// The path and query of a request, without the values of secret names.
    pub(crate) fn target<'a>(&self, target: &'a str) -> Cow<'a, str> {
        let Some((path, query)) = target.split_once('?').filter(|_| !self.off) else {
            return target.into();
        };
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, value)) if self.hides_parameter(name) => {
                format!("{name}={}", if value.is_empty() { "" } else { REDACTED })
            }
            _ => pair.to_owned(),
        });
        format!("{path}?{}", pairs.collect::<Vec<_>>().join("&")).into()
    }

    fn hides_parameter(&self, name: &str) -> bool {
        // The id of a session or the code of a sign-in is enough to use it.
        ["sessionid", "code", "state", "key"].contains(&Plain::of(name.as_bytes()).text())
            || self.rules.hides(name.as_bytes()) != Hidden::No
    }

    /// The headers as pairs, in their order.
    pub(super) fn headers<'a>(
        &'a self,
        headers: &'a Headers,
    ) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let is_marked = !self.off && shapes::is_marked(headers.text());
        headers.iter().map(move |(name, value)| {
            let text = String::from_utf8_lossy(value);
            let text = if self.hides_header(name) {
                shown(name, &text).into()
            } else if self.off {
                text
            } else {
                let secrets = shapes::secrets_of(text.as_bytes(), is_marked);
                without(text, &secrets)
            };
            (name, text)
        })
    }

    fn hides_header(&self, name: &str) -> bool {
        !self.off && (HEADERS.contains(&name) || self.rules.hides(name.as_bytes()) != Hidden::No)
    }
}

/// The visible part of a header with a credential: its scheme, and enough of a session id to tell
/// sessions apart.
fn shown(name: &str, value: &str) -> String {
    if name == "mcp-session-id" {
        return format!("{}…", value.chars().take(8).collect::<String>());
    }
    match value.split_once(' ') {
        Some((scheme, _)) if name.ends_with("authorization") => {
            format!("{scheme} {REDACTED}")
        }
        _ => REDACTED.to_owned(),
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') || text.starts_with("$.")
}

/// `/params/arguments/ssn` (RFC 6901) or `$.params.arguments.ssn`.
fn steps(path: &str) -> Path {
    match path.strip_prefix("$.") {
        Some(dotted) => dotted.split('.').map(str::to_owned).collect(),
        None => {
            path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
        }
    }
}

/// A text without what is at these places.
fn without<'a>(text: Cow<'a, str>, secrets: &[std::ops::Range<usize>]) -> Cow<'a, str> {
    if secrets.is_empty() {
        return text;
    }
    let found: Vec<_> = secrets.iter().map(|range| (range.clone(), REDACTED)).collect();
    String::from_utf8_lossy(&replaced(text.as_bytes(), &found)).into_owned().into()
}

fn replaced(text: &[u8], found: &[(std::ops::Range<usize>, &str)]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(text.len());
    let mut from = 0;
    for (range, with) in found {
        whole.extend_from_slice(&text[from..range.start]);
        whole.extend_from_slice(with.as_bytes());
        from = range.end;
    }
    whole.extend_from_slice(&text[from..]);
    whole
}

#[cfg(test)]
mod tests;
