//! Tokens of known providers, and which of them are accepted.

use serde_json::{Value, json};

use super::*;

const GUID: &str = "11111111-2222-4333-8444-555555555555";
const ENTRA: &str = "https://login.microsoftonline.com/t1/v2.0";
const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x";

fn named(name: &str) -> Preset {
    Preset::NAMES.iter().find(|(known, _)| *known == name).unwrap().1
}

struct Case {
    preset: &'static str,
    issuer: &'static str,
    audience: &'static str,
    claims: Value,
}

impl Case {
    fn judged(&self, preset: Preset, changes: &[(&str, Value)]) -> Result<Claims, Because> {
        let signer = Signer::new(Kind::Es256);
        let mut claims = self.claims.clone();
        claims["exp"] = (NOW + 300).into();
        claims["sub"] = "alice".into();
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        let audience = Audience::Named(vec![self.audience.to_owned()]);
        let rules = Rules::new(self.issuer, audience, preset);
        judged(&signer.token(&claims), &signer.keys(), &rules)
    }
}

fn cases() -> [Case; 8] {
    let case = |preset, issuer, audience, claims| Case { preset, issuer, audience, claims };
    [
        case("entra", ENTRA, GUID, json!({ "iss": ENTRA, "aud": GUID, "scp": "a" })),
        case(
            "entra",
            ENTRA,
            GUID,
            json!({
                "iss": "https://sts.windows.net/t1/", "aud": format!("api://{GUID}"), "roles": ["a"],
            }),
        ),
        case(
            "auth0",
            "https://t.eu.auth0.com",
            RESOURCE,
            json!({
                "iss": "https://t.eu.auth0.com/", "aud": [RESOURCE, "https://t.eu.auth0.com/userinfo"],
                "scope": "openid", "permissions": ["a"],
            }),
        ),
        case(
            "okta",
            "https://d.okta.com/oauth2/default",
            "api://default",
            json!({ "iss": "https://d.okta.com/oauth2/default", "aud": "api://default", "scp": ["a"] }),
        ),
        case(
            "keycloak",
            ISSUER,
            RESOURCE,
            json!({ "iss": ISSUER, "aud": [RESOURCE, "account"], "typ": "Bearer", "scope": "a" }),
        ),
        case(
            "cognito",
            COGNITO,
            "client1",
            json!({ "iss": COGNITO, "client_id": "client1", "token_use": "access", "scope": "a" }),
        ),
        case(
            "authentik",
            "https://a.example/application/o/mcp",
            "client1",
            json!({ "iss": "https://a.example/application/o/mcp/", "aud": "client1", "scope": "a" }),
        ),
        case(
            "google",
            "https://accounts.google.com",
            "1.apps.googleusercontent.com",
            json!({ "iss": "accounts.google.com", "aud": "1.apps.googleusercontent.com", "scope": "a" }),
        ),
    ]
}

#[test]
fn tokens_are_accepted_as_their_providers_make_them() {
    for case in cases() {
        let preset = named(case.preset);
        let claims = case.judged(preset, &[]).unwrap();
        assert!(claims.scopes.iter().any(|scope| scope == "a"), "{}", case.preset);
        assert_eq!(claims.issuer, case.issuer, "one spelling, whatever the token says");
    }
}

#[test]
fn no_preset_accepts_what_is_for_somebody_else() {
    for case in cases() {
        let preset = named(case.preset);
        let claim = preset.audience_claim();
        for (name, value) in [
            (claim, "https://other.example".into()),
            ("iss", "https://login.microsoftonline.com/t2/v2.0".into()),
            ("iss", "https://sts.windows.net/t2/".into()),
            ("exp", (NOW - 61).into()),
        ] {
            assert!(case.judged(preset, &[(name, value)]).is_err(), "{} {name}", case.preset);
        }
    }
}

#[test]
fn id_tokens_are_told_apart_where_they_can_be() {
    let of = |name: &str| cases().into_iter().find(|case| case.preset == name).unwrap();
    let refused = |name: &str, changes: &[(&str, Value)]| {
        let preset = named(name);
        matches!(of(name).judged(preset, changes), Err(Because::Preset(_)))
    };
    assert!(refused("keycloak", &[("typ", "ID".into())]));
    assert!(refused("keycloak", &[("typ", "Refresh".into())]));
    assert!(refused("cognito", &[("token_use", "id".into())]));
    let entra = of("entra");
    let bare = Case { claims: json!({ "iss": ENTRA, "aud": GUID }), ..entra };
    assert!(matches!(bare.judged(Preset::Entra, &[]), Err(Because::Preset(_))));
}

#[test]
fn without_its_preset_no_provider_s_quirk_is_accepted() {
    for case in cases().iter().filter(|case| !matches!(case.preset, "okta" | "keycloak")) {
        let plain = case.preset == "entra" && case.claims["iss"] == ENTRA;
        assert_eq!(case.judged(Preset::Standard, &[]).is_ok(), plain, "{}", case.preset);
    }
}
