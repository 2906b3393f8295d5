//! Tokens of every kind, valid and hostile.

mod hostile;
mod presets;
pub(crate) mod signer;

use serde_json::{Value, json};

use super::{Audience, Because, Claims, Jws, KeySet, Rules, Seconds, verify};
use crate::config::AuthPreset as Preset;
use signer::{Kind, Signer};

pub(super) const NOW: Seconds = 1_800_000_000;
pub(super) const ISSUER: &str = "https://idp.example/realms/a";
pub(super) const RESOURCE: &str = "https://mcp.example/mcp";

pub(super) fn rules() -> Rules {
    Rules::new(ISSUER, Audience::Named(vec![RESOURCE.to_owned()]), Preset::Standard)
}

/// The claims of a valid token.
pub(super) fn good() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": RESOURCE, "scope": "b a",
        "iat": NOW, "nbf": NOW, "exp": NOW + 300,
    })
}

pub(super) fn judged(token: &str, keys: &KeySet, rules: &Rules) -> Result<Claims, Because> {
    verify(&Jws::parse(token)?, keys, rules, NOW)
}

#[test]
fn every_algorithm_is_verified_with_its_key_and_with_no_other() {
    let all = Kind::ALL.map(Signer::new);
    for signer in &all {
        let token = signer.token(&good());
        let claims = judged(&token, &signer.keys(), &rules());
        assert_eq!(claims.map(|claims| claims.subject), Ok("alice".to_owned()), "{signer:?}");
        let (text, signature) = token.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        let wrong = format!("{text}.{flipped}{}", &signature[1..]);
        assert_eq!(judged(&wrong, &signer.keys(), &rules()), Err(Because::Signature), "{signer:?}");
        for other in all.iter().filter(|other| other.kind != signer.kind) {
            assert!(judged(&token, &other.keys(), &rules()).is_err(), "{signer:?} {other:?}");
        }
    }
}

#[test]
fn claims_are_read_in_every_shape_that_providers_give_them() {
    let signer = Signer::new(Kind::Es256);
    let read = |change: Value| {
        let mut claims = good();
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        judged(&signer.token(&claims), &signer.keys(), &rules())
    };
    let scopes = |change| read(change).map(|claims| claims.scopes.join(" "));
    assert_eq!(scopes(json!({})).unwrap(), "a b");
    assert_eq!(scopes(json!({ "scope": null })).unwrap(), "");
    assert_eq!(scopes(json!({ "scope": null, "scp": "b a" })).unwrap(), "a b");
    assert_eq!(scopes(json!({ "scope": null, "scp": ["b", "a", "a"] })).unwrap(), "a b");
    assert_eq!(scopes(json!({ "scope": ["c"] })).unwrap(), "c");
    assert_eq!(scopes(json!({ "scope": null, "roles": ["r"] })).unwrap(), "r");
    assert_eq!(scopes(json!({ "roles": ["r"] })).unwrap(), "a b", "a token that is for less");
    assert_eq!(scopes(json!({ "scp": ["a", "b"] })).unwrap(), "a b");
    assert!(matches!(scopes(json!({ "scp": "a c" })), Err(Because::Ambiguous(_))));

    assert!(read(json!({ "aud": ["https://other", RESOURCE] })).is_ok());
    assert!(read(json!({ "iat": null, "nbf": null })).is_ok());
    assert!(read(json!({ "exp": 1_800_000_300.75 })).is_ok());
    assert!(read(json!({ "exp": NOW - 59, "nbf": NOW + 60, "iat": NOW + 60 })).is_ok(), "skew");
}

#[test]
fn of_all_claims_those_are_kept_that_somebody_asks_for() {
    let signer = Signer::new(Kind::Es256);
    let mut claims = good();
    claims["groups"] = json!(["staff"]);
    let mut rules = rules();
    rules.kept = vec!["groups".to_owned(), "email".to_owned()];
    let read = judged(&signer.token(&claims), &signer.keys(), &rules).unwrap();
    assert_eq!(Value::Object(read.kept), json!({ "groups": ["staff"] }));
}

#[test]
fn a_token_is_for_one_endpoint() {
    let audience = Audience::Endpoint { base: "https://mcp.example".to_owned() };
    let signer = Signer::new(Kind::Es256);
    let rules = Rules::new(ISSUER, audience.clone(), Preset::Standard);
    let claims = judged(&signer.token(&good()), &signer.keys(), &rules).unwrap();
    assert!(audience.admits("/mcp", &claims.audiences));
    for other in ["", "/", "/mcp/", "/sse", "/mcpx", "/servers/mcp"] {
        assert!(!audience.admits(other, &claims.audiences), "{other}");
    }
    let mut foreign = good();
    foreign["aud"] = "https://mcp.example.evil/mcp".into();
    let refused = judged(&signer.token(&foreign), &signer.keys(), &rules);
    assert!(matches!(refused, Err(Because::Audience { .. })));
}
