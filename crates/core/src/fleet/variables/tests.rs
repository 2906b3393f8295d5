use super::*;
use crate::fleet::{Fault, tests::variables};

fn expand(text: &str, dialect: Dialect) -> Result<String, Fault> {
    let source = Source::new("f", serde_json::json!(text).to_string().into_bytes())?;
    let variables = variables();
    let expansion =
        Expansion { source: &source, dialect, variables: &variables, keeps_claims: false };
    expansion.expand(&Text { value: text.to_owned(), at: 0 })
}

#[test]
fn what_is_set_is_put_in() {
    for (text, expected) in [
        ("", ""),
        ("plain $ $$ } {", "plain $ $$ } {"),
        ("${TOKEN}", "s3cret"),
        ("a${TOKEN}b${env:HOST}c", "as3cretbhc"),
        ("${NONE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY}", ""),
        ("${NONE:-}", ""),
        ("${env:NONE:-d}", "d"),
        ("${NONE:-${OTHER:-${TOKEN}}}", "s3cret"),
        ("${NONE:-a}b}", "ab}"),
        ("${NONE:-http://x:1/}", "http://x:1/"),
        ("${DOLLAR}", "${TOKEN}"),
        ("${userHome}/x", "/home/me/x"),
        ("${workspaceFolder}", "/project"),
        ("${input:key}", "typed"),
        ("${input:none:-d}", "d"),
        ("$TOKEN", "$TOKEN"),
        ("é${TOKEN}é", "és3creté"),
    ] {
        assert_eq!(expand(text, Dialect::Plain).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(expand("$TOKEN-$$HOST$", Dialect::Gemini).as_deref(), Ok("s3cret-$h$"));
}

#[test]
fn what_is_not_set_is_named_with_its_place() {
    for (text, expected) in [
        ("${NONE}", "f:1:2: the variable \"NONE\" is not set"),
        ("é\n$ ${NONE}", "f:1:7: the variable \"NONE\" is not set"),
        ("${A:-${NONE}}", "f:1:7: the variable \"NONE\" is not set"),
        ("${env:NONE}", "f:1:2: the variable \"NONE\" is not set"),
        ("${input:none}", "f:1:2: the input \"none\" has no value"),
        ("x${TOKEN", "f:1:3: \"${\" is never closed"),
        ("${}", "f:1:2: \"${}\" is not a variable"),
        ("${file:/etc/passwd}", "f:1:2: \"${file:/etc/passwd}\" is not a variable"),
        ("${1A}", "f:1:2: \"${1A}\" is not a variable"),
        ("${command:x}", "f:1:2: \"${command:x}\" is not a variable"),
    ] {
        let fault = expand(text, Dialect::Plain).expect_err(text).to_string();
        assert!(fault.starts_with(expected), "{fault}\n{expected}");
    }
}

#[test]
fn no_text_grows_without_bound() {
    let mut text = "${userHome}".repeat(200_000);
    text.push('x');
    assert!(expand(&text, Dialect::Plain).is_err());
}
