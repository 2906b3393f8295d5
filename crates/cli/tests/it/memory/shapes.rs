//! Texts that cost a careless parser more than their length: wide, deep, many, long, empty.

/// Approximate length of each.
pub(super) const LENGTH: usize = 4 * 1024 * 1024;

/// A text, and its name in a failure.
pub(super) type Shape = (&'static str, Vec<u8>);

/// Repeats a unit as often as it fits, between a beginning and an end.
pub(super) fn filled(before: &str, unit: &str, end: &str) -> Vec<u8> {
    let mut text = before.as_bytes().to_vec();
    text.extend(unit.as_bytes().repeat((LENGTH - before.len() - end.len()) / unit.len()));
    text.extend_from_slice(end.as_bytes());
    text
}

/// The same with a number in place of `#`, so that no two units are equal.
pub(super) fn numbered(before: &str, unit: &str, end: &str) -> Vec<u8> {
    let mut text = before.to_owned();
    let mut number = 0;
    while text.len() < LENGTH {
        text.push_str(&unit.replacen('#', &number.to_string(), 1));
        number += 1;
    }
    (text + end).into_bytes()
}

/// Whole texts of any kind.
pub(super) fn texts() -> Vec<Shape> {
    let message = r#"{"jsonrpc":"2.0","method":"m"},"#;
    vec![
        ("numbers in an array", filled("[", "1,", "1]")),
        ("empty objects in an array", filled("[", "{},", "{}]")),
        ("empty arrays in an array", filled("[", "[],", "[]]")),
        ("empty elements of an array", filled("[", ",", "]")),
        ("messages in an array", filled("[", message, "{}]")),
        ("an array of line breaks", filled("[", "\n", "]")),
        ("arrays in arrays", filled("", "[", "")),
        ("objects in objects", filled("", r#"{"a":"#, "")),
        ("a long string", filled("\"", "x", "\"")),
        ("a long number", filled("", "1", "")),
        ("white space", filled("", "\r\n ", "")),
        ("no UTF-8", vec![0xff; LENGTH]),
        ("an object of no UTF-8", [b"{\"a\":\"", &vec![0xff; LENGTH][..], b"\"}"].concat()),
        ("an object without an end", filled("{", r#""a":1,"#, "")),
    ]
}

/// Messages with this beginning and end; `before` ends within `params`.
pub(super) fn params(before: &str, end: &str) -> Vec<Shape> {
    let within = |open: &str, unit: &str, close: &str| {
        numbered(&format!("{before}{open}"), unit, &format!("{close}{end}"))
    };
    let last = r#""z":1"#;
    vec![
        ("many params", within("", r#""a#":1,"#, last)),
        ("one of the params again and again", within("", r#""a":1,"#, last)),
        ("names that are not ASCII", within("", "\"\u{e9}\":1,", last)),
        ("params with escaped names", within("", r#""\u0061#":1,"#, last)),
        ("many arguments", within(r#""arguments":{"#, r#""a#":1,"#, r#""z":1}"#)),
        ("arguments of numbers", within(r#""arguments":["#, "1,", "1]")),
        ("arguments of empty objects", within(r#""arguments":["#, "{},", "{}]")),
        ("escapes in an argument", within(r#""arguments":{"text":""#, r"\u0061", r#""}"#)),
        ("a long argument", within(r#""arguments":{"text":""#, "x", r#""}"#)),
        ("a long name", within(r#""name":""#, "x", r#"""#)),
        ("a long name of escapes", within(r#""name":""#, r"\u0061", r#"""#)),
        ("a long URI", within(r#""uri":""#, "/", r#"""#)),
        (
            "answers",
            within(r#""requestState":"s","inputResponses":{"#, r#""r#":{},"#, r#""z":{}}"#),
        ),
        (
            "subscriptions",
            within(r#""notifications":{"resourceSubscriptions":["#, r#""","#, r#"""]}"#),
        ),
    ]
}

/// The same with members of `_meta`.
pub(super) fn meta(before: &str, end: &str) -> Vec<Shape> {
    let within = |open: &str, unit: &str, close: &str| {
        numbered(&format!("{before}{open}"), unit, &format!("{close}{end}"))
    };
    let last = r#""z":1"#;
    vec![
        ("much metadata", within("", r#""a#":1,"#, last)),
        ("metadata with names of NUL", within("", r#""\u0000":1,"#, last)),
        ("metadata with escaped names", within("", r#""\u0061#":1,"#, last)),
        ("reserved metadata", within("", r#""io.modelcontextprotocol/#":1,"#, last)),
        ("a long token", within(r#""progressToken":""#, "x", r#"""#)),
        ("a token of many parts", within(r#""progressToken":["#, "1,", "1]")),
        (
            "a client of many words",
            within(
                r#""io.modelcontextprotocol/clientInfo":{"name":"n","version":"1","x":["#,
                "1,",
                "1]}",
            ),
        ),
    ]
}

/// Documents: JSON in which `before` ends within an object.
pub(super) fn documents(before: &str, end: &str) -> Vec<Shape> {
    let within = |open: &str, unit: &str, close: &str| {
        numbered(&format!("{before}{open}"), unit, &format!("{close}{end}"))
    };
    let last = r#""z":1"#;
    let mut all = texts();
    all.extend([
        ("many members", within("", r#""a#":1,"#, last)),
        ("one member again and again", within("", r#""a":1,"#, last)),
        ("members with escaped names", within("", r#""\u0061#":1,"#, last)),
        ("many empty objects", within("", r#""a#":{},"#, last)),
        ("many empty arrays", within("", r#""a#":[],"#, last)),
        ("many empty strings", within(r#""a":["#, r#""","#, r#"""]"#)),
        ("numbers", within(r#""a":["#, "1,", "1]")),
        ("a long member", within(r#""a":""#, "x", r#"""#)),
    ]);
    all
}

/// The parts of an event stream.
pub(super) fn streams() -> Vec<Shape> {
    vec![
        ("empty lines of data", filled("", "data:\n", "")),
        ("empty lines of data, long names", filled("", "data\r", "")),
        ("lines of one byte", filled("", "data:x\n", "\n\n")),
        ("empty events", filled("", "data:\n\n", "")),
        ("events that are not messages", filled("", "data:x\n\n", "")),
        ("a long line", filled("data:", "x", "\n\n")),
        ("a line without an end", filled("data:", "x", "")),
        ("names of events", filled("", "event:x\n", "\n")),
        ("ids", filled("", "id:x\n", "\n")),
        ("a long id", filled("id:", "x", "\n\n")),
        ("comments", filled("", ":\n", "\n")),
        ("line ends", filled("", "\n", "")),
    ]
}
