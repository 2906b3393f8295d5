//! Time limits in each client's unit, and the tools that a client excludes.

use crate::{
    config::{Filter, Pattern, Rules},
    fleet::{
        dialect::Dialect,
        fault::Fault,
        members::{Members, Text},
        setting::DraftSetting,
    },
};

/// Milliseconds in a second.
const SECOND: f64 = 1000.0;

pub(super) fn times(members: &Members<'_>, dialect: Dialect) -> Result<Vec<DraftSetting>, Fault> {
    let unit = match dialect {
        Dialect::Cline | Dialect::Roo => Some(SECOND),
        Dialect::Gemini | Dialect::ClaudeCode => Some(1.0),
        _ => None,
    };
    let mut settings = Vec::new();
    match unit {
        Some(unit) => settings.extend(time(members, "timeout", unit, "requestTimeout")?),
        None => members.ignore(
            "timeout",
            "clients count it in seconds or milliseconds; --config CLIENT:FILE says which",
        ),
    }
    if dialect == Dialect::Codex {
        for (name, unit, flag) in [
            ("startup_timeout_ms", 1.0, "connectionTimeout"),
            ("startup_timeout_sec", SECOND, "connectionTimeout"),
            ("tool_timeout_sec", SECOND, "requestTimeout"),
        ] {
            settings.extend(time(members, name, unit, flag)?);
        }
    }
    Ok(settings)
}

fn time(
    members: &Members<'_>,
    name: &str,
    unit: f64,
    flag: &'static str,
) -> Result<Option<DraftSetting>, Fault> {
    let Some((number, at)) = members.number(name)? else { return Ok(None) };
    let millis = Text { value: (number * unit).round().to_string(), at };
    Ok(Some(DraftSetting::one(flag, millis)))
}

/// Tools that a client excludes are excluded here, too; a client's list never allows more than
/// ours.
pub(super) fn restrict(members: &Members<'_>, rules: &mut Rules) -> Result<(), Fault> {
    let exact = |texts: Vec<Text>| texts.into_iter().map(|text| Pattern::Exact(text.value));
    let Filter { allow, deny } = &mut rules.tools.filter;
    for name in ["includeTools", "enabled_tools"] {
        if let Some(texts) = members.texts(name)? {
            allow.push(exact(texts).collect());
        }
    }
    for name in ["excludeTools", "disabled_tools", "disabledTools"] {
        deny.extend(exact(members.texts(name)?.unwrap_or_default()));
    }
    Ok(())
}
