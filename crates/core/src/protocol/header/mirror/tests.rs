use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};

use super::*;
use crate::protocol::header::annotation::mirrored_parameters;

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    let pair = |&(name, value): &(&str, &str)| {
        (HeaderName::from_str(name).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    list.iter().map(pair).collect()
}

fn parameters() -> Vec<MirroredParameter> {
    mirrored_parameters(&json!({ "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" },
        "limit": { "type": "integer", "x-mcp-header": "Limit" },
        "options": { "properties": { "dry": { "type": "boolean", "x-mcp-header": "Dry" } } },
    } }))
    .unwrap()
}

fn checked(list: &[(&str, &str)], arguments: &Value) -> Result<(), Mismatch> {
    held(&headers(list), arguments)
}

fn held(headers: &HeaderMap, arguments: &Value) -> Result<(), Mismatch> {
    let text = arguments.to_string();
    check_parameters(headers, &parameters(), text.as_bytes(), Some(Span::new(0, text.len())))
}

fn made(arguments: &Value) -> HeaderMap {
    let text = arguments.to_string();
    let arguments = Some(Span::new(0, text.len()));
    parameter_headers(&parameters(), text.as_bytes(), arguments).into_iter().collect()
}

#[test]
fn the_name_is_compared_after_decoding() {
    for (value, body) in
        [("foo", "foo"), ("=?base64?w7xiZXI=?=", "über"), ("=?base64??=", ""), ("", "")]
    {
        assert_eq!(check_name(&headers(&[("mcp-NAME", value)]), body), Ok(()));
    }
    let different = check_name(&headers(&[("Mcp-Name", "Foo")]), "foo").unwrap_err();
    assert_eq!(different.to_string(), r#"Mcp-Name says "Foo" but the body says "foo""#);
}

#[test]
fn a_header_is_given_once_and_well_formed() {
    let header = || "Mcp-Name".to_owned();
    assert_eq!(check_name(&headers(&[]), "foo"), Err(Mismatch::Missing { header: header() }));
    assert_eq!(
        check_name(&headers(&[("Mcp-Name", "foo"), ("Mcp-Name", "foo")]), "foo"),
        Err(Mismatch::Repeated { header: header() })
    );
    assert_eq!(
        check_name(&headers(&[("Mcp-Name", "=?base64?!?=")]), "foo"),
        Err(Mismatch::Malformed { header: header(), problem: InvalidValue::Base64 })
    );
}

#[test]
fn values_agree_by_their_type() {
    for (header, value, arguments) in [
        ("Mcp-Param-Region", "eu", json!({ "region": "eu" })),
        ("mcp-param-region", "=?base64?ZXU=?=", json!({ "region": "eu" })),
        ("Mcp-Param-Limit", "42", json!({ "limit": 42 })),
        ("Mcp-Param-Limit", "42.0", json!({ "limit": 42 })),
        ("Mcp-Param-Limit", "42", json!({ "limit": 42.0 })),
        ("Mcp-Param-Limit", "42", json!({ "limit": 4.2e1 })),
        ("Mcp-Param-Limit", "-9007199254740991", json!({ "limit": -9_007_199_254_740_991_i64 })),
        ("Mcp-Param-Dry", "false", json!({ "options": { "dry": false } })),
        ("Mcp-Param-Limit", "many", json!({ "limit": "many" })),
    ] {
        assert_eq!(checked(&[(header, value)], &arguments), Ok(()), "{value} {arguments}");
    }
}

#[test]
fn values_that_differ_are_refused() {
    for (header, value, arguments) in [
        ("Mcp-Param-Region", "EU", json!({ "region": "eu" })),
        ("Mcp-Param-Region", "", json!({ "region": "eu" })),
        ("Mcp-Param-Limit", "43", json!({ "limit": 42 })),
        ("Mcp-Param-Limit", "4.2e1", json!({ "limit": 42 })),
        ("Mcp-Param-Limit", "+42", json!({ "limit": 42 })),
        ("Mcp-Param-Limit", "42.", json!({ "limit": 42 })),
        ("Mcp-Param-Limit", "42.5", json!({ "limit": 42 })),
        ("Mcp-Param-Limit", "-", json!({ "limit": 42 })),
        ("Mcp-Param-Dry", "False", json!({ "options": { "dry": false } })),
        ("Mcp-Param-Dry", "0", json!({ "options": { "dry": false } })),
        ("Mcp-Param-Region", "true", json!({ "region": "=?base64?dHJ1ZQ==?=" })),
    ] {
        let outcome = checked(&[(header, value)], &arguments);
        assert!(
            matches!(outcome, Err(Mismatch::Different { .. })),
            "{value} {arguments}: {outcome:?}"
        );
    }
}

#[test]
fn a_value_in_the_body_needs_its_header() {
    for arguments in
        [json!({ "region": "" }), json!({ "limit": 0 }), json!({ "options": { "dry": true } })]
    {
        assert!(matches!(checked(&[], &arguments), Err(Mismatch::Missing { .. })), "{arguments}");
    }
}

#[test]
fn nothing_is_expected_where_nothing_can_be_mirrored() {
    for arguments in [
        json!({ "region": ["eu"] }),
        json!({ "limit": 9_007_199_254_740_992_u64 }),
        json!({ "limit": u64::MAX }),
        json!({ "limit": 1e300 }),
        json!({ "limit": 0.5 }),
        json!(null),
        json!([]),
        json!({}),
        json!({ "region": null }),
        json!({ "options": "none" }),
    ] {
        assert_eq!(checked(&[], &arguments), Ok(()), "{arguments}");
        assert!(made(&arguments).is_empty());
    }
}

#[test]
fn a_header_for_an_argument_that_is_absent_is_ignored() {
    let extra = [("Mcp-Param-Region", "x"), ("Mcp-Param-Limit", "7"), ("Mcp-Param-Other", "x")];
    for arguments in
        [json!(null), json!([]), json!({}), json!({ "region": null }), json!({ "options": "none" })]
    {
        assert_eq!(checked(&extra, &arguments), Ok(()), "{arguments}");
    }
    assert_eq!(check_parameters(&headers(&extra), &parameters(), b"", None), Ok(()));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    use Incomparable::{Repeated, Unmirrored, Unreadable};
    let sent = headers(&[("Mcp-Param-Region", "eu"), ("Mcp-Param-Limit", "7")]);
    for (arguments, problem) in [
        (r#"{"region":["eu"]}"#, Unmirrored),
        (r#"{"limit":1e999}"#, Unmirrored),
        (r#"{"limit":0.5}"#, Unmirrored),
        (r#"{"region":"\ud800"}"#, Unreadable),
        (r#"{"region":"us","region":"eu"}"#, Repeated),
        (r#"{"region":"eu","\u0072egion":"us"}"#, Repeated),
    ] {
        let arguments_span = Some(Span::new(0, arguments.len()));
        let outcome = check_parameters(&sent, &parameters(), arguments.as_bytes(), arguments_span);
        assert!(
            matches!(&outcome, Err(Mismatch::Incomparable { problem: of, .. }) if *of == problem),
            "{arguments}: {outcome:?}"
        );
    }
}

#[test]
fn what_stands_beside_a_mirrored_argument_changes_nothing() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for other in [r#""\ud800""#, "1e999", &deep] {
        let arguments = format!(r#"{{"region":"us","x":{other}}}"#);
        let span = Some(Span::new(0, arguments.len()));
        let check = |region| {
            let sent = headers(&[("Mcp-Param-Region", region)]);
            check_parameters(&sent, &parameters(), arguments.as_bytes(), span)
        };
        assert_eq!(check("us"), Ok(()));
        assert!(matches!(check("eu"), Err(Mismatch::Different { .. })));
    }
}

#[test]
fn headers_are_made_from_the_arguments() {
    let arguments =
        json!({ "region": "über", "limit": 42.0, "options": { "dry": true }, "other": 1 });
    let expected = [
        ("Mcp-Param-Region", "=?base64?w7xiZXI=?="),
        ("Mcp-Param-Limit", "42"),
        ("Mcp-Param-Dry", "true"),
    ];
    assert_eq!(made(&arguments), headers(&expected));
}

fn arguments() -> impl Strategy<Value = Value> {
    let limit = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    (any::<String>(), limit, any::<Option<bool>>())
        .prop_map(|(region, limit, dry)| json!({ "region": region, "limit": limit, "options": { "dry": dry } }))
}

proptest! {
    #[test]
    fn what_is_sent_is_accepted(arguments in arguments()) {
        prop_assert_eq!(held(&made(&arguments), &arguments), Ok(()));
    }

    #[test]
    fn no_header_breaks_the_check(value in any::<Vec<u8>>(), arguments in arguments()) {
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let headers = HeaderMap::from_iter([(HeaderName::from_static("mcp-param-limit"), value)]);
        // It only must not panic.
        drop(held(&headers, &arguments));
    }
}
