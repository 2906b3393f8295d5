use std::time::Duration;

use serde_json::json;

use super::*;

/// Of the secret `t`.
const HASH: &str = "e3b98a4da31a127d4bde6e43033f66ba274cab0eb7eb1c70ec41402bf6273dd8";

fn parse(value: &Value) -> Result<Listed, String> {
    Listed::parse(value.to_string().as_bytes())
}

#[test]
fn a_secret_is_somebody_in_the_header_that_it_is_for() {
    let line =
        json!({ "name": "ci", "sha256": HASH, "scopes": ["b", "a"], "expires": "2030-01-01" });
    let listed = parse(&json!({ "tokens": [line] })).unwrap();
    let claims = listed.find(Slot::Bearer, "t", 0).unwrap();
    assert_eq!((claims.issuer.as_str(), claims.subject.as_str()), (TOKENS, "ci"));
    assert_eq!(claims.scopes, ["a", "b"]);
    assert_eq!(listed.find(Slot::ApiKey, "t", 0), Err(Because::UnknownSecret));
    assert_eq!(listed.find(Slot::Bearer, "T", 0), Err(Because::UnknownSecret));
    assert_eq!(listed.find(Slot::Bearer, HASH, 0), Err(Because::UnknownSecret));
    let end = claims.expires.unwrap();
    assert!(listed.find(Slot::Bearer, "t", end - 1).is_ok());
    assert_eq!(listed.find(Slot::Bearer, "t", end), Err(Because::Lapsed("ci".to_owned())));

    let keys = json!({ "apiKeys": [{ "name": "ci", "sha256": HASH.to_uppercase() }] });
    let claims = parse(&keys).unwrap().find(Slot::ApiKey, "t", 0).unwrap();
    assert_eq!((claims.issuer.as_str(), claims.expires), (API_KEYS, None));
}

#[test]
fn a_file_is_read_one_way_or_refused() {
    let line = || json!({ "name": "ci", "sha256": HASH });
    let changed = |name: &str, value: Value| {
        let mut line = line();
        line[name] = value;
        json!({ "tokens": [line] })
    };
    assert!(parse(&json!({})).is_ok());
    for bad in [
        json!({ "token": [] }),
        json!({ "tokens": [line(), line()] }),
        json!({ "tokens": [{ "name": "ci" }] }),
        changed("name", "".into()),
        changed("name", "a\u{1b}".into()),
        changed("sha256", "t".into()),
        changed("sha256", format!("+1{}", &HASH[2..]).into()),
        changed("scopes", "a".into()),
        changed("scopes", json!(["a b"])),
        changed("scope", json!(["a"])),
        changed("expires", "tomorrow".into()),
        changed("expires", 1.into()),
    ] {
        assert!(parse(&bad).is_err(), "{bad}");
    }
    assert!(Listed::parse(br#"{"tokens":[],"tokens":[]}"#).unwrap_err().contains("twice"));
}

#[test]
fn a_token_that_is_made_is_listed_and_its_secret_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.json");
    let first = make_token(&path, "alice", &["a".to_owned()], None).unwrap();
    let second = make_token(&path, "bob", &[], None).unwrap();
    let file = TokenFile::open(&path, Listed::default()).unwrap();
    let who = |made: &MadeToken| file.listed().find(Slot::Bearer, &made.secret, 0).unwrap().subject;
    assert_eq!((who(&first), who(&second)), ("alice".to_owned(), "bob".to_owned()));
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&first.secret) && !format!("{first:?}").contains(&first.secret));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(
        make_token(&path, "a b\n", &[], None).is_err()
            && make_token(&path, "x", &["a b".to_owned()], None).is_err()
    );
}

#[test]
fn a_file_that_has_changed_is_read_again_and_a_bad_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.json");
    let made = make_token(&path, "alice", &[], None).unwrap();
    let file = TokenFile::open(&path, Listed::default()).unwrap();
    let known = || file.listed().find(Slot::Bearer, &made.secret, 0).is_ok();
    let look = || file.state.lock().unwrap().looked -= Duration::from_secs(2);
    fs::write(&path, "nonsense").unwrap();
    look();
    assert!(known(), "a typing error locks nobody out");
    fs::write(&path, "{}").unwrap();
    assert!(known(), "it was looked at a moment ago");
    look();
    assert!(!known());
    assert!(
        TokenFile::open(&folder.path().join("none"), Listed::default())
            .unwrap_err()
            .contains("none")
    );
}
