//! Properties that must hold for any bytes: they never let a caller in, and never appear unescaped
//! in an answer.

use reqwest::Url;
use serde_json::Value;

use super::{
    challenge::{Challenge, ErrorCode},
    credential::Credential,
    introspection,
    issuer::discovery::jwks_uri,
    static_tokens::{Listed, Slot},
    token::{
        Audience, Because, Jws, KeySet, MAX_TOKEN, Reading, Rules, check_times, object, verify,
    },
    well_known::metadata_places,
};
use crate::config::AuthPreset;

/// Keys without known private halves.
const KEYS: &str = r#"{"keys":[
    {"kty":"EC","crv":"P-256","kid":"k1","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"},
    {"kty":"OKP","crv":"Ed25519","kid":"k2","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const NOW: u64 = 1_800_000_000;
const RESOURCE: &str = "https://h/mcp";
const PRESETS: [AuthPreset; 8] = [
    AuthPreset::Standard,
    AuthPreset::Entra,
    AuthPreset::Auth0,
    AuthPreset::Okta,
    AuthPreset::Keycloak,
    AuthPreset::Cognito,
    AuthPreset::Authentik,
    AuthPreset::Google,
];

fn rules(preset: AuthPreset) -> Rules {
    Rules::new("https://idp", Audience::Named(vec![RESOURCE.to_owned()]), preset)
}

fn check_words(because: &Because) {
    let text = because.explain();
    assert!(!text.is_empty() && text.len() < 16 * 1024, "{text}");
    assert!(!text.contains(char::is_control), "{text}");
}

/// An unsigned token is refused; the first byte selects the preset.
pub(crate) fn check_token(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Ok(token) = std::str::from_utf8(rest) else { return };
    let rules = rules(PRESETS[usize::from(*first) % PRESETS.len()]);
    let keys = KeySet::parse(KEYS.as_bytes()).unwrap_or_default();
    match Jws::parse(token) {
        Ok(read) => {
            assert!(token.len() <= MAX_TOKEN && Jws::looks_like(token) | !token.starts_with("ey"));
            match verify(&read, &keys, &rules, NOW) {
                Ok(claims) => panic!("nobody has signed this: {claims:?}"),
                Err(because) => check_words(&because),
            }
        }
        Err(because) => check_words(&because),
    }
    let headers = http::HeaderValue::from_bytes(rest)
        .map(|value| http::HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]));
    if let Ok(headers) = headers
        && let Err(because) = Credential::of(&headers, true)
    {
        check_words(&because);
    }
    check_claims(rest, &rules);
}

/// Signed claims are valid only if they are for us, have a subject, and are not expired.
fn check_claims(bytes: &[u8], rules: &Rules) {
    let Ok(claims) = object(bytes) else { return };
    let reading = Reading(&claims);
    match introspection::read(&claims, rules, NOW) {
        Ok(read) => {
            assert_eq!(claims["active"], true);
            assert!(!read.subject.is_empty() && !read.subject.contains(char::is_control));
            assert!(read.audiences.iter().any(|one| one == RESOURCE));
            assert!(read.expires.is_none_or(|expires| NOW < expires + 60));
            assert!(read.scopes.is_sorted() && !read.scopes.iter().any(String::is_empty));
        }
        Err(because) => check_words(&because),
    }
    drop(check_times(reading, None, NOW));
}

/// Reads such documents, without a check.
pub(crate) fn read_documents(bytes: &[u8]) {
    drop(jwks_uri(bytes, &["https://idp".to_owned()]));
    drop(KeySet::parse(bytes));
    drop(Listed::parse(bytes));
    let url = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Url>().ok());
    drop(url.iter().filter(|url| url.has_host()).flat_map(metadata_places).collect::<Vec<_>>());
}

/// Documents of issuers and of operators.
pub(crate) fn check_documents(bytes: &[u8]) {
    let spellings = ["https://idp".to_owned()];
    match jwks_uri(bytes, &spellings) {
        Ok(_) => assert_eq!(object(bytes).unwrap_or_default()["issuer"], "https://idp"),
        Err(why) => assert!(!why.contains(char::is_control), "{why}"),
    }
    if let Ok(keys) = KeySet::parse(bytes) {
        assert_ne!(keys, KeySet::default());
    }
    if let Ok(listed) = Listed::parse(bytes) {
        assert!(listed.find(Slot::Bearer, "nobody's", NOW).is_err());
    }
    // Strict parsing refuses more, and reads nothing differently.
    if let Ok(strict) = object(bytes) {
        let usual: Option<Value> = serde_json::from_slice(bytes).ok();
        assert_eq!(usual, Some(Value::Object(strict)));
    }
    let url = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Url>().ok());
    // Not `Url::origin`, which is never equal to another one for schemes that are not known.
    let server = |url: &Url| {
        (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default())
    };
    for place in url.iter().filter(|url| url.has_host()).flat_map(metadata_places) {
        let same = url.as_ref().is_some_and(|url| server(url) == server(&place));
        assert!(same && place.query().is_none(), "{place}");
    }
}

/// A challenge is one header with one value for each parameter; a line for each scope.
pub(crate) fn check_challenge(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (metadata, scopes) = text.split_once('\n').unwrap_or((&text, ""));
    let scopes: Vec<String> = scopes.split('\n').map(str::to_owned).collect();
    let error = Some(ErrorCode::InsufficientScope);
    let challenge = Challenge { error, scopes: &scopes, metadata: Some(metadata) }.to_string();
    assert!(http::HeaderValue::try_from(&challenge).is_ok());
    let mut quotes = 0;
    let mut escaped = false;
    for letter in challenge.chars() {
        quotes += usize::from(letter == '"' && !escaped);
        escaped = letter == '\\' && !escaped;
    }
    let parameters =
        3 + usize::from(scopes.iter().any(|scope| !scope.is_empty()) || scopes.len() > 1);
    assert_eq!(quotes, 2 * parameters, "{challenge}");
}
