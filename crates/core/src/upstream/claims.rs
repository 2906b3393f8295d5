//! Claims of a server's caller in its variables: `${claim:email}`. Pure.

use std::{collections::BTreeSet, ffi::OsString};

use serde_json::Value;

use crate::{
    config::{CommandConfig, Isolation, UpstreamConfig},
    error::Error,
    identity::{Claims, Identity},
    jsonrpc::{Code, ErrorBody},
};

const OPENING: &str = "${claim:";

/// The claims that the variables of a command use.
pub(crate) fn asked(command: &CommandConfig) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for value in command.env.values().filter_map(|value| value.to_str()) {
        let mut rest = value;
        while let Some((_, name, after)) = next(rest) {
            all.insert(name.to_owned());
            rest = after;
        }
    }
    all
}

/// Claims need a caller: if a server is not for a single identity, the claims are unknown.
pub(super) fn check(config: &UpstreamConfig) -> Result<(), Error> {
    match asked(&config.command).first() {
        Some(name) if config.isolation != Isolation::Identity => Err(Error::Auth(format!(
            "${{claim:{name}}} in a variable of the server needs --isolation identity, so that each \
             server is for one person"
        ))),
        _ => Ok(()),
    }
}

/// The command without the variables that use claims.
pub(super) fn nobodys(command: &CommandConfig) -> CommandConfig {
    let plain = |value: &OsString| value.to_str().is_none_or(|value| next(value).is_none());
    let mut command = command.clone();
    command.env.retain(|_, value| plain(value));
    command
}

/// The command for this identity; or which claim is missing.
pub(super) fn introduced(
    command: &CommandConfig,
    identity: &Identity,
) -> Result<CommandConfig, ErrorBody> {
    let mut command = command.clone();
    let claims = identity.claims();
    for value in command.env.values_mut() {
        let Some(text) = value.to_str().filter(|text| text.contains(OPENING)) else { continue };
        *value = filled(text, claims.map(|claims| &**claims))?.into();
    }
    Ok(command)
}

fn filled(text: &str, claims: Option<&Claims>) -> Result<String, ErrorBody> {
    let (mut all, mut rest) = (String::new(), text);
    while let Some((before, name, after)) = next(rest) {
        let value = claims.and_then(|claims| value_of(claims, name));
        let value = value.ok_or_else(|| {
            let message =
                format!("your credentials have no claim {name:?}, which this server needs");
            ErrorBody::new(Code::Transport, message)
        })?;
        all.push_str(before);
        all.push_str(&value);
        rest = after;
    }
    Ok(all + rest)
}

/// The text before the next claim, its name, and the text after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(OPENING)?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// A claim as the value of a variable.
fn value_of(claims: &Claims, name: &str) -> Option<String> {
    let text = match name {
        "iss" => claims.issuer.clone(),
        "sub" => claims.subject.clone(),
        _ => text(claims.kept.get(name)?)?,
    };
    (!text.contains(char::is_control)).then_some(text)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(all) => {
            let all: Option<Vec<String>> = all.iter().map(text).collect();
            all.map(|all| all.join(","))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn command(value: &str) -> CommandConfig {
        let mut command = CommandConfig::new("x");
        command.env.insert("V".into(), value.into());
        command.env.insert("PLAIN".into(), "$HOME ${claim".into());
        command
    }

    fn alice() -> Identity {
        let mut claims = Claims::new("https://idp", "alice");
        for (name, value) in [
            ("email", json!("a@b")),
            ("groups", json!(["x", "y"])),
            ("level", json!(3)),
            ("odd", json!({})),
            ("hostile", json!("a\nb")),
        ] {
            claims.kept.insert(name.to_owned(), value);
        }
        claims.into()
    }

    #[test]
    fn claims_are_filled_in() {
        for (text, expected) in [
            ("${claim:email}", Some("a@b")),
            ("<${claim:email}>${claim:level}", Some("<a@b>3")),
            ("${claim:groups}", Some("x,y")),
            ("${claim:iss}#${claim:sub}", Some("https://idp#alice")),
            ("${OTHER}", Some("${OTHER}")),
            ("${claim:phone}", None),
            ("${claim:odd}", None),
            ("${claim:hostile}", None),
        ] {
            let made = introduced(&command(text), &alice()).ok();
            let value =
                made.and_then(|made| made.env[&OsString::from("V")].clone().into_string().ok());
            assert_eq!(value.as_deref(), expected, "{text}");
        }
        assert!(introduced(&command("${claim:email}"), &Identity::default()).is_err());
    }

    #[test]
    fn nobody_in_particular_has_none() {
        let asking = command("${claim:email}${claim:sub}");
        assert_eq!(asked(&asking).into_iter().collect::<Vec<_>>(), ["email", "sub"]);
        let left: Vec<_> = nobodys(&asking).env.into_keys().collect();
        assert_eq!(left, [OsString::from("PLAIN")]);
        let mut config = UpstreamConfig::new(asking);
        assert!(check(&config).is_err());
        config.isolation = Isolation::Identity;
        assert!(check(&config).is_ok());
        assert!(check(&UpstreamConfig::new(command("x"))).is_ok());
    }
}
