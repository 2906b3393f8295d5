//! `auth` in a block: what callers may do; at the top, also whose tokens are accepted.
//!
//! `auth` is also a flag, the issuer. At the top, an object means all settings, a string or an
//! array only the flag.

use serde_json::{Map, Value as Json};

use super::{
    document::{Member, Value},
    entitlement::policy,
    fault::{Fault, quoted, suggestion},
    members::{Members, Text},
    rules::{json, refuse_variables},
    setting::{DraftSetting, Vocabulary, flagged},
};
use crate::config::Policy;

/// The member.
pub(super) const KEY: &str = "auth";

/// The members of a policy.
const POLICY: [&str; 5] = ["claims", "tools", "rate", "concurrency", "forwardIdentity"];
/// Scopes that everything requires.
const SCOPES: &str = "scopes";

/// Members of `auth` at the top that are flags: their names there, and those of the command line.
pub const AUTH_FLAGS: [(&str, &str); 8] = [
    ("issuer", "auth"),
    ("publicUrl", "publicUrl"),
    ("audience", "authAudience"),
    ("preset", "authPreset"),
    ("jwks", "authJwks"),
    ("introspect", "authIntrospect"),
    ("tokens", "authTokens"),
    ("mirror", "authMirror"),
];

/// What callers may do with one server.
pub(super) fn of_server(block: &Members<'_>) -> Result<Policy, Fault> {
    let Some(auth) = object(block)? else { return Ok(Policy::default()) };
    read(&auth, &[SCOPES])
}

/// Whether the member at the top is the object, not the flag.
pub(super) fn is_object(block: &Members<'_>) -> bool {
    block.get(KEY).is_some_and(|member| matches!(member.node.value, Value::Table(_)))
}

/// Whose tokens are accepted, and what callers may do with every server.
pub(super) fn of_top(
    block: &Members<'_>,
    vocabulary: &Vocabulary,
) -> Result<(Vec<DraftSetting>, Policy), Fault> {
    if !is_object(block) {
        return Ok(Default::default());
    }
    let Some(auth) = object(block)? else { return Ok(Default::default()) };
    let names: Vec<&str> = AUTH_FLAGS.iter().map(|(name, _)| *name).chain([SCOPES]).collect();
    let policy = read(&auth, &names)?;
    let mut settings = Vec::new();
    for (name, flag) in AUTH_FLAGS {
        let known = vocabulary.top.iter().find(|known| known.name == flag);
        if let (Some(member), Some(known)) = (auth.get(name), known) {
            settings.push(flagged(&auth, member, known)?);
        }
    }
    settings.extend(scopes(&auth)?);
    refuse_twins(block, &settings)?;
    Ok((settings, policy))
}

fn object<'a>(block: &Members<'a>) -> Result<Option<Members<'a>>, Fault> {
    let Some(member) = block.get(KEY) else { return Ok(None) };
    Members::of(&member.node, &block.path(KEY), block.source).map(Some)
}

/// The policy; `others` are members that other code reads.
fn read(auth: &Members<'_>, others: &[&str]) -> Result<Policy, Fault> {
    let mut whole = Policy::default();
    for member in auth.all() {
        let name = member.name.as_str();
        let is_scopes = name == SCOPES && others == [SCOPES];
        if is_scopes || POLICY.contains(&name) {
            whole = whole.and(part(auth, member)?);
        } else if !others.contains(&name) {
            let known = POLICY.iter().chain(others).copied();
            let unknown = quoted(&auth.path(name));
            let message = format!("{unknown} is unknown{}", suggestion(name, known));
            return Err(auth.source.fault(member.at, message));
        }
    }
    Ok(whole)
}

fn part(auth: &Members<'_>, member: &Member) -> Result<Policy, Fault> {
    if member.node.value == Value::Null {
        return Ok(Policy::default());
    }
    refuse_variables(&member.node, auth, "variables are not expanded in rules for callers")?;
    let path = quoted(&auth.path(&member.name));
    let wrong = |why: String| auth.source.fault(member.node.at, format!("{path} is wrong: {why}"));
    let value = serde_json::from_str(&json(&member.node)).map_err(|why| wrong(why.to_string()))?;
    let one = Map::from_iter([(member.name.clone(), value)]);
    policy(&Json::Object(one)).map_err(wrong)
}

/// The scopes as the flag has them: as one text.
fn scopes(auth: &Members<'_>) -> Result<Option<DraftSetting>, Fault> {
    let Some(texts) = auth.texts(SCOPES)? else { return Ok(None) };
    let Some(first) = texts.first() else { return Ok(None) };
    let at = first.at;
    let value = texts.iter().map(|text| text.value.as_str()).collect::<Vec<_>>().join(" ");
    Ok(Some(DraftSetting::one("authScopes", Text { value, at })))
}

/// A setting in both forms is ambiguous.
fn refuse_twins(block: &Members<'_>, settings: &[DraftSetting]) -> Result<(), Fault> {
    let twin = settings.iter().find_map(|setting| {
        let beside = setting.name() != KEY;
        block.get(setting.name()).filter(|_| beside)
    });
    let Some(member) = twin else { return Ok(()) };
    let message = format!(
        "{} is also set in {}; remove one of them",
        quoted(&block.path(&member.name)),
        quoted(&block.path(KEY))
    );
    Err(block.source.fault(member.at, message))
}
