//! Tokens of attackers, and why each is refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

use super::{
    super::{Algorithm, MAX_TOKEN, object},
    *,
};

/// A reason's word, without details.
fn word(because: &Because) -> String {
    let text = format!("{because:?}");
    text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap().to_owned()
}

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn unsigned(head: &Value) -> String {
    format!("{}.{}.", encode(head.to_string()), encode(good().to_string()))
}

/// Signed with the public key as a shared secret: accepted by verifiers that trust the header.
fn confused(signer: &Signer) -> String {
    let head = json!({ "alg": "HS256", "kid": "k1" });
    let text = format!("{}.{}", encode(head.to_string()), encode(good().to_string()));
    let secret = signer.jwk().to_string();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes());
    format!("{text}.{}", encode(tag))
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn headers_choose_nothing() {
    let signer = Signer::new(Kind::Es256);
    let headed = |head: Value| signer.signed(&head.to_string(), &good().to_string());
    let raw = |head: &str| signer.signed(head, &good().to_string());
    for (token, reason) in [
        (unsigned(&json!({ "alg": "none" })), "Algorithm"),
        (unsigned(&json!({ "alg": "None", "kid": "k1" })), "Algorithm"),
        (unsigned(&json!({ "alg": "ES256", "kid": "k1" })), "Signature"),
        (headed(json!({ "alg": "nOnE", "kid": "k1" })), "Algorithm"),
        (confused(&signer), "Algorithm"),
        (headed(json!({ "alg": "es256", "kid": "k1" })), "Algorithm"),
        (headed(json!({ "alg": "ES512", "kid": "k1" })), "Algorithm"),
        (headed(json!({ "alg": "RS256", "kid": "k1" })), "UnknownKey"),
        (headed(json!({ "alg": "ES384", "kid": "k1" })), "UnknownKey"),
        (headed(json!({ "alg": ["ES256"], "kid": "k1" })), "Unreadable"),
        (headed(json!({ "kid": "k1" })), "Unreadable"),
        (headed(json!({ "alg": "ES256", "kid": 1 })), "Unreadable"),
        (headed(json!({ "alg": "ES256", "kid": "k2" })), "UnknownKey"),
        (headed(json!({ "alg": "ES256", "kid": "../../k1" })), "UnknownKey"),
        (headed(json!({ "alg": "ES256", "kid": "k1' OR '1'='1" })), "UnknownKey"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "crit": ["exp"] })), "Extension"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "b64": false })), "Extension"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "zip": "DEF" })), "Extension"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "cty": "JWT" })), "Nested"),
        (headed(json!({ "alg": "RSA-OAEP", "enc": "A256GCM" })), "Encrypted"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "typ": "dpop+jwt" })), "Kind"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "typ": "logout+jwt" })), "Kind"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "typ": 1 })), "Unreadable"),
        (raw(r#"{"alg":"ES256","alg":"none","kid":"k1"}"#), "Unreadable"),
        (raw(r#"{"alg":"ES256","kid":"k0","\u006bid":"k1"}"#), "Unreadable"),
        (raw("[]"), "Unreadable"),
        (raw(""), "Unreadable"),
    ] {
        let refused = judged(&token, &signer.keys(), &rules()).unwrap_err();
        assert_eq!(word(&refused), reason, "{token}");
        assert!(!refused.explain().is_empty());
    }
}

#[test]
fn keys_that_a_token_brings_along_are_not_used() {
    let (own, attacker) = (Signer::new(Kind::Es256), Signer::new(Kind::Es256));
    for (name, value) in [
        ("jwk", attacker.jwk()),
        ("jku", "https://attacker.example/keys".into()),
        ("x5u", "https://attacker.example/chain".into()),
        ("x5c", json!(["AAAA"])),
    ] {
        let mut head = json!({ "alg": "ES256", "kid": "k1" });
        head[name] = value;
        let token = attacker.signed(&head.to_string(), &good().to_string());
        assert_eq!(judged(&token, &own.keys(), &rules()), Err(Because::Signature), "{name}");
    }
}

#[test]
fn claims_are_what_they_have_to_be() {
    let signer = Signer::new(Kind::Es256);
    for (claims, reason) in [
        (without("exp"), "Claim"),
        (without("iss"), "Claim"),
        (without("aud"), "Claim"),
        (without("sub"), "Claim"),
        (with("exp", (NOW - 60).into()), "Expired"),
        (with("exp", 0.into()), "Expired"),
        (with("exp", (-1).into()), "Claim"),
        (with("exp", 1e300.into()), "Claim"),
        (with("exp", "1900000000".into()), "Claim"),
        (with("exp", Value::Null), "Claim"),
        (with("nbf", (NOW + 61).into()), "Early"),
        (with("nbf", "soon".into()), "Claim"),
        (with("iat", (NOW + 61).into()), "Early"),
        (with("iss", "https://idp.example/realms/b".into()), "Issuer"),
        (with("iss", format!("{ISSUER}/").into()), "Issuer"),
        (with("iss", "HTTPS://idp.example/realms/a".into()), "Issuer"),
        (with("iss", json!([ISSUER])), "Claim"),
        (with("aud", "https://mcp.example/".into()), "Audience"),
        (with("aud", format!("{RESOURCE}/").into()), "Audience"),
        (with("aud", json!([])), "Audience"),
        (with("aud", json!(["https://other.example"])), "Audience"),
        (with("aud", json!([RESOURCE, 1])), "Claim"),
        (with("aud", json!({ RESOURCE: true })), "Claim"),
        (with("sub", "".into()), "Claim"),
        (with("sub", "a\nb".into()), "Claim"),
        (with("sub", 1.into()), "Claim"),
        (with("scope", 1.into()), "Claim"),
        (with("scp", json!([["a"]])), "Claim"),
        (with("cnf", json!({ "jkt": "x" })), "Bound"),
    ] {
        let refused = judged(&signer.token(&claims), &signer.keys(), &rules()).unwrap_err();
        assert_eq!(word(&refused), reason, "{claims}");
        assert!(!refused.explain().is_empty());
    }
}

#[test]
fn a_claim_that_is_there_twice_is_not_read_at_all() {
    let signer = Signer::new(Kind::Es256);
    let head = json!({ "alg": "ES256", "kid": "k1" }).to_string();
    let claims = good().to_string();
    for twice in [
        claims.replacen('{', r#"{"sub":"bob","#, 1),
        claims.replacen('{', r#"{"\u0073ub":"bob","#, 1),
        claims.replacen('{', r#"{"x":{"y":1,"y":2},"#, 1),
    ] {
        let refused = judged(&signer.signed(&head, &twice), &signer.keys(), &rules()).unwrap_err();
        assert_eq!(word(&refused), "Unreadable", "{twice}");
    }
}

#[test]
fn what_is_no_signed_token_is_named() {
    let signer = Signer::new(Kind::Es256);
    let token = signer.token(&good());
    let (text, signature) = token.rsplit_once('.').unwrap();
    for (token, reason) in [
        (String::new(), "Malformed"),
        ("x".to_owned(), "Malformed"),
        ("..".to_owned(), "Unreadable"),
        (text.to_owned(), "Malformed"),
        (format!("{token}.x"), "Malformed"),
        (format!("{token}.x.y"), "Encrypted"),
        (format!("{token}.x.y.z"), "Malformed"),
        (format!("{token}="), "Malformed"),
        (format!("{text}. {signature}"), "Malformed"),
        (format!("{text}.{}", signature.replace(['-', '_'], "+")), "Malformed"),
        (format!("{text}.{}", "A".repeat(MAX_TOKEN)), "TooLong"),
        (format!("{text}."), "Signature"),
        (format!("{text}.{}", encode([0; 64])), "Signature"),
        (format!("{text}.{signature}AAAA"), "Signature"),
    ] {
        if token == signature {
            continue;
        }
        let refused = judged(&token, &signer.keys(), &rules());
        // One spelling of base64url has neither of the two characters that differ.
        let same = token.ends_with(signature) && token.len() == text.len() + 1 + signature.len();
        if !same {
            assert_eq!(word(&refused.unwrap_err()), reason, "{token:.90}");
        }
    }
}

#[test]
fn keys_that_do_not_sign_tokens_are_no_keys() {
    let signer = Signer::new(Kind::Rs256);
    let changed = |changes: &[(&str, Value)]| {
        let mut key = signer.jwk();
        for (name, value) in changes {
            key[*name] = value.clone();
        }
        KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes())
    };
    assert!(changed(&[]).is_ok());
    for changes in [
        [("use", "enc".into())],
        [("use", 1.into())],
        [("key_ops", json!(["encrypt"]))],
        [("alg", "RSA-OAEP".into())],
        [("alg", "HS256".into())],
        [("alg", "ES256".into())],
        [("kty", "oct".into())],
        [("kty", "EC".into())],
        [("n", "".into())],
        [("e", "!".into())],
        [("kid", 1.into())],
    ] {
        assert!(changed(&changes).is_err(), "{changes:?}");
    }
    for none in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":{}}"#, r#"{"keys":[1]}"#] {
        assert!(KeySet::parse(none.as_bytes()).is_err(), "{none}");
    }
    assert!(object(b"[]").is_err());
}

#[test]
fn of_a_set_of_keys_a_bounded_number_is_kept() {
    let signer = Signer::new(Kind::Es256);
    let keys = (0..101).map(|number| {
        let mut key = signer.jwk();
        key["kid"] = format!("k{number}").into();
        key
    });
    let set = json!({ "keys": keys.collect::<Vec<_>>() }).to_string();
    let set = KeySet::parse(set.as_bytes()).unwrap();
    assert!(set.find(Some("k99"), Algorithm::Es256).is_ok());
    assert!(set.find(Some("k100"), Algorithm::Es256).is_err());
}

#[test]
fn a_short_rsa_key_signs_nothing() {
    let signer = Signer::new(Kind::Rs256);
    let mut key = signer.jwk();
    key["n"] = encode([0xff; 128]).into();
    let keys = KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
    assert_eq!(judged(&signer.token(&good()), &keys, &rules()), Err(Because::Signature));
}

#[test]
fn a_key_is_found_by_its_id_or_because_it_is_the_only_one() {
    let (one, other) = (Signer::new(Kind::Es256), Signer::new(Kind::Es256));
    let set =
        |keys: &[Value]| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    let bare = |signer: &Signer| {
        let mut key = signer.jwk();
        key.as_object_mut()
            .unwrap()
            .retain(|name, _| !matches!(name.as_str(), "kid" | "alg" | "use"));
        key
    };
    let nameless = one.signed(r#"{"alg":"ES256"}"#, &good().to_string());
    let named = one.token(&good());
    let ok = |token: &str, keys: &[Value]| judged(token, &set(keys), &rules()).map(drop);
    assert_eq!(ok(&nameless, &[one.jwk()]), Ok(()));
    assert_eq!(ok(&nameless, &[Signer::new(Kind::Rs256).jwk(), one.jwk()]), Ok(()));
    assert_eq!(ok(&nameless, &[one.jwk(), other.jwk()]), Err(Because::UnnamedKey));
    assert_eq!(ok(&named, &[bare(&one)]), Ok(()));
    let unknown = Err(Because::UnknownKey(Some("k1".to_owned())));
    assert_eq!(ok(&named, &[bare(&one), bare(&other)]), unknown);
}

#[test]
fn nothing_of_a_token_reaches_the_log_as_it_is() {
    let signer = Signer::new(Kind::Es256);
    let long = "x".repeat(5000);
    for claims in [
        with("iss", "https://a\u{1b}[2J\r\n".into()),
        with("aud", json!(["\u{1b}]0;x\u{7}", "\n", "\u{9b}"])),
        with("aud", json!([long])),
        with("aud", json!(vec!["y"; 500])),
    ] {
        let text = judged(&signer.token(&claims), &signer.keys(), &rules()).unwrap_err().explain();
        assert!(!text.contains(char::is_control), "{text}");
        assert!(text.len() < 1000, "{text}");
    }
    for head in [json!({ "alg": "\u{1b}" }), json!({ "alg": "ES256", "kid": "\u{1b}" })] {
        let token = signer.signed(&head.to_string(), &good().to_string());
        assert!(
            !judged(&token, &signer.keys(), &rules()).unwrap_err().explain().contains('\u{1b}')
        );
    }
}
