use http::HeaderMap;

use super::*;

fn redacted(config: &[&str], text: &str) -> String {
    let what = config.iter().map(|it| (*it).to_owned()).collect();
    let redaction = Redaction::new(&RedactionConfig { off: false, what });
    String::from_utf8(redaction.text(text.as_bytes()).to_vec()).unwrap()
}

#[test]
fn secrets_are_taken_out_and_nothing_else_is_changed() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlMTIz";
    for (text, expected) in [
        (r#"{"password" : "hunter2" , "b":1.0}"#, r#"{"password" : "[redacted]" , "b":1.0}"#),
        (
            r#"{"api_key":"abc","apiKey":123,"API-KEY":"x"}"#,
            r#"{"api_key":"[redacted]","apiKey":"[redacted]","API-KEY":"[redacted]"}"#,
        ),
        (r#"{"clientSecret":"a\"b","c":"d"}"#, r#"{"clientSecret":"[redacted]","c":"d"}"#),
        (
            r#"{"_meta":{"progressToken":"p1"},"nextCursor":"c"}"#,
            r#"{"_meta":{"progressToken":"p1"},"nextCursor":"c"}"#,
        ),
        // A schema contains the name of a secret, not its value.
        (
            r#"{"properties":{"password":{"type":"string"}}}"#,
            r#"{"properties":{"password":{"type":"string"}}}"#,
        ),
        (r#"{"text":"use sk-abcdefghij1234567890 here"}"#, r#"{"text":"use [redacted] here"}"#),
        (
            r#"{"text":"Authorization: Bearer abc123def456"}"#,
            r#"{"text":"Authorization: Bearer [redacted]"}"#,
        ),
        (
            r#"{"text":"{\"password\": \"hunter22\"}"}"#,
            r#"{"text":"{\"password\": \"[redacted]\"}"}"#,
        ),
        (r#"{"text":"GITHUB_TOKEN=abc123def\nX=1"}"#, r#"{"text":"GITHUB_TOKEN=[redacted]\nX=1"}"#),
        (r#"{"url":"postgres://me:pass1@db/x?y"}"#, r#"{"url":"postgres://me:[redacted]@db/x?y"}"#),
        (r#"{"text":"the token: required"}"#, r#"{"text":"the token: required"}"#),
        (r#"[{"password":"x"},{"token":null}]"#, r#"[{"password":"[redacted]"},{"token":null}]"#),
        ("listening with password=Hunter2!", "listening with password=[redacted]"),
        (r#"{"password":"x"#, r#"{"password":"[redacted]""#),
        (
            "{\"a\":\"-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----\"}",
            "{\"a\":\"[redacted]-----END RSA PRIVATE KEY-----\"}",
        ),
    ] {
        assert_eq!(redacted(&[], text), expected, "{text}");
    }
    assert_eq!(redacted(&[], &format!(r#"{{"a":"{jwt}"}}"#)), r#"{"a":"[redacted]"}"#);
}

#[test]
fn whatever_is_configured_is_taken_out_too() {
    for (what, text, expected) in [
        (&["ssn"][..], r#"{"SSN":{"a":[1,2]},"b":1}"#, r#"{"SSN":"[redacted]","b":1}"#),
        (
            &["/params/arguments/pin"],
            r#"{"params":{"arguments":{"pin":[1],"x":2}}}"#,
            r#"{"params":{"arguments":{"pin":"[redacted]","x":2}}}"#,
        ),
        (
            &["$.result.content.*.text"],
            r#"{"result":{"content":[{"text":"a"},{"text":"b"}]}}"#,
            r#"{"result":{"content":[{"text":"[redacted]"},{"text":"[redacted]"}]}}"#,
        ),
        (&["/a/1"], r#"{"a":["x","y","z"]}"#, r#"{"a":["x","[redacted]","z"]}"#),
        (&["/a"], r#"{"a":{"b":["#, r#"{"a":"[redacted]""#),
    ] {
        assert_eq!(redacted(what, text), expected, "{what:?} {text}");
    }
}

#[test]
fn headers_and_targets_keep_what_says_nothing() {
    let redaction = Redaction::new(&RedactionConfig::default());
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer abc".parse().unwrap());
    headers.insert("x-api-key", "abc".parse().unwrap());
    headers.insert("mcp-session-id", "0123456789abcdef".parse().unwrap());
    headers.insert("accept", "text/event-stream".parse().unwrap());
    headers.insert("referer", "http://me:secret@host/".parse().unwrap());
    let pair = |name: &'static str, value: &'static str| (name, value.into());
    let headers = Headers::from(&headers);
    assert_eq!(
        redaction.headers(&headers).collect::<Vec<_>>(),
        [
            pair("authorization", "Bearer [redacted]"),
            pair("x-api-key", "[redacted]"),
            pair("mcp-session-id", "01234567…"),
            pair("accept", "text/event-stream"),
            pair("referer", "http://me:[redacted]@host/"),
        ]
    );
    assert_eq!(
        redaction.target("/messages?sessionId=abc&x=1&api_key=k"),
        "/messages?sessionId=[redacted]&x=1&api_key=[redacted]"
    );
}

#[test]
fn raw_is_raw() {
    let redaction = Redaction::new(&RedactionConfig { off: true, what: vec!["a".to_owned()] });
    let text = br#"{"password":"x","a":1}"#;
    assert_eq!(*redaction.text(text), text[..]);
    assert_eq!(redaction.target("/x?token=1"), "/x?token=1");
}

#[test]
fn hostile_text_is_walked_to_its_end() {
    let deep = "[".repeat(200_000);
    assert_eq!(redacted(&[], &deep), deep);
    for text in ["{", "\"", "{\"", "{\"a\\", "}}}]]]", "{,,::}", "\u{0}{\"password\":", "[\"\\u00"]
    {
        assert_eq!(redacted(&["/a"], text), text, "{text}");
    }
}

/// What secrets, and texts that look like them, consist of.
const PIECES: [&str; 24] = [
    "\"",
    "\"",
    "\"",
    ":",
    ":",
    "=",
    "{",
    "}",
    "[",
    ",",
    " ",
    "\n",
    "\\",
    "_",
    "-",
    "token",
    "Pass-word",
    "api_key",
    "n",
    "hunter22",
    "sk-abcdefghij1234567890",
    "Bearer abc12345",
    "://me:pass@db",
    "authorization",
];

proptest::proptest! {
    #[test]
    fn no_secret_is_missed_by_the_first_look(
        pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..24),
        length in 0..40_usize,
    ) {
        let redaction = Redaction::new(&RedactionConfig::default());
        let text = format!("{}{}", pieces.concat(), "-".repeat(length)) + &pieces.concat();
        if redaction.leaves(text.as_bytes()) {
            proptest::prop_assert!(json::secrets(text.as_bytes(), &redaction.rules).is_empty(), "{text}");
            proptest::prop_assert!(shapes::secrets(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
