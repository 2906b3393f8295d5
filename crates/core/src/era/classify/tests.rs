use http::{HeaderName, HeaderValue};
use proptest::prelude::{Just, any, prop_assert, prop_oneof, proptest};

use super::*;
use crate::protocol::is_revision;

const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
const SOUND: [(&str, &str); 3] =
    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "a")];

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    list.iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect()
}

fn request<'a>(method: &'a str, meta: Option<&'a str>) -> Posted<'a> {
    let claims_version = meta.is_some_and(|meta| meta.contains(PROTOCOL_VERSION));
    Posted {
        kind: PostedKind::Request,
        method,
        meta: meta.map(str::as_bytes),
        claims_version,
        name: None,
    }
}

fn call(meta: &str) -> Posted<'_> {
    Posted { name: Some("a"), ..request("tools/call", Some(meta)) }
}

fn validated(headers_sent: &[(&str, &str)], posted: &Posted<'_>) -> Result<(), String> {
    validate(posted, &headers(headers_sent)).map(|_| ()).map_err(|refusal| refusal.to_string())
}

#[test]
fn the_body_decides() {
    let modern = headers(&[("mcp-protocol-version", "2026-07-28")]);
    let legacy = headers(&[("mcp-protocol-version", "2025-11-25")]);
    let none = HeaderMap::new();
    for (posted, sent, era) in [
        (request("ping", Some(META)), &none, Era::Modern),
        (request("ping", Some(META)), &legacy, Era::Modern),
        (request("ping", None), &none, Era::Legacy),
        (request("ping", None), &legacy, Era::Legacy),
        (request("ping", Some("{}")), &legacy, Era::Legacy),
        (request("initialize", None), &none, Era::Legacy),
        (request("initialize", Some(META)), &modern, Era::Modern),
        (Posted { kind: PostedKind::Response, ..request("", None) }, &modern, Era::Legacy),
        (Posted { kind: PostedKind::Notification, ..request("n", None) }, &none, Era::Legacy),
        (Posted { kind: PostedKind::Notification, ..request("n", None) }, &legacy, Era::Legacy),
        (Posted { kind: PostedKind::Notification, ..request("n", None) }, &modern, Era::Modern),
        (Posted { kind: PostedKind::Notification, ..request("n", Some(META)) }, &none, Era::Modern),
    ] {
        assert_eq!(classify(&posted, sent), Ok(era), "{posted:?} {sent:?}");
    }
}

#[test]
fn a_header_alone_is_refused() {
    for version in ["2026-07-28", "2027-01-01", "9999-12-31", " 2026-07-28 "] {
        let sent = headers(&[("mcp-protocol-version", version)]);
        let missing = InvalidMetadata::Missing(PROTOCOL_VERSION).into();
        assert_eq!(classify(&request("ping", None), &sent), Err(missing));
        assert_eq!(classify(&request("initialize", None), &sent), Err(Refusal::Initialize));
    }
}

#[test]
fn an_initialize_must_mean_the_newer_era() {
    let none = HeaderMap::new();
    let modern = headers(&[("mcp-protocol-version", "2026-07-28")]);
    for meta in [META.replace("{}", "7"), META.replace("2026-07-28", "2025-11-25")] {
        let posted = request("initialize", Some(&meta));
        assert_eq!(classify(&posted, &none), Ok(Era::Legacy));
        assert_eq!(classify(&posted, &modern), Err(Refusal::Initialize));
        assert_eq!(classify(&request("ping", Some(&meta)), &none), Ok(Era::Modern));
    }
}

#[test]
fn only_the_older_era_has_batches() {
    let old = request("ping", None);
    assert_eq!(classify_batch([old, old]), Ok(Era::Legacy));
    assert_eq!(classify_batch([old, request("ping", Some(META))]), Err(Refusal::Batch));
}

#[test]
fn a_sound_request_passes() {
    assert_eq!(validated(&SOUND, &call(META)), Ok(()));
    let spaced = SOUND.map(|(name, value)| (name, format!(" \t{value} ")));
    let spaced: Vec<_> = spaced.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(validated(&spaced, &call(META)), Ok(()));
    assert_eq!(validated(&SOUND[..2], &request("tools/call", Some(META))), Ok(()));
}

#[test]
fn the_first_fault_answers() {
    let foreign = META.replace("2026-07-28", "v999");
    let capless = META.replace("clientCapabilities", "x");
    let [version, method, name] = SOUND;
    let disagreeing = [("mcp-protocol-version", "v1"), ("mcp-method", "x"), ("mcp-name", "b")];
    for (sent, posted, problem) in [
        (&disagreeing[..], call(&capless), "clientCapabilities: missing"),
        (
            &disagreeing[..],
            call(&foreign),
            r#"MCP-Protocol-Version is "v1" but the body says "v999""#,
        ),
        (&SOUND[..], call(&foreign), r#"MCP-Protocol-Version is "2026-07-28" but"#),
        (&disagreeing[1..], call(&foreign), r#"Mcp-Method is "x" but the body says "tools/call""#),
        (&[], call(&foreign), r#"unsupported protocol version "v999""#),
        (&[method, name], call(META), "the header MCP-Protocol-Version is missing"),
        (&[version, name], call(META), "the header Mcp-Method is missing"),
        (&[version, method], call(META), "a value for Mcp-Name but the header is absent"),
        (&[version, method, ("mcp-name", "b")], call(META), r#"Mcp-Name says "b""#),
        (&[version, method, ("mcp-name", "=?base64?YQ?=")], call(META), "not canonical Base64"),
        (&[version, version, method, name], call(META), r#""2026-07-28, 2026-07-28""#),
        (
            &[version, ("mcp-method", "TOOLS/CALL"), name],
            call(META),
            r#"Mcp-Method is "TOOLS/CALL""#,
        ),
    ] {
        let refusal = validated(sent, &posted).unwrap_err();
        assert!(refusal.contains(problem), "{refusal}");
    }
}

#[test]
fn a_handshake_revision_in_the_metadata_is_unsupported() {
    let old = META.replace("2026-07-28", "2025-11-25");
    let sent = [("mcp-protocol-version", "2025-11-25"), ("mcp-method", "ping")];
    let refusal = validate(&request("ping", Some(&old)), &headers(&sent)).unwrap_err();
    assert_eq!(refusal, Refusal::UnsupportedVersion { requested: "2025-11-25".to_owned() });
}

proptest! {
    #[test]
    fn what_is_classified_legacy_never_claimed(
        kind in prop_oneof![Just(PostedKind::Request), Just(PostedKind::Notification)],
        method in "[a-z/]{1,12}",
        meta in any::<Option<String>>(),
        claims_version in any::<bool>(),
        version in prop_oneof!["[0-9a-z -]{0,12}", " ?20[2-3][0-9]-[01][0-9]-[0-3][0-9] ?"],
    ) {
        let posted = Posted { kind, method: &method, meta: meta.as_ref().map(String::as_bytes), claims_version, name: None };
        let sent = headers(&[("mcp-protocol-version", &version)]);
        if classify(&posted, &sent) == Ok(Era::Legacy) {
            let names_modern = is_revision(version.trim()) && version.trim() >= MODERN;
            prop_assert!(!claims_version && !names_modern);
        }
        drop(validate(&posted, &sent));
    }
}
