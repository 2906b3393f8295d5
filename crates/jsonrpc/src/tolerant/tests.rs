use bytes::Bytes;

use super::{search, search::Found};

fn found(line: &str) -> Found {
    search(&Bytes::copy_from_slice(line.as_bytes()))
}

fn messages(line: &str) -> Vec<String> {
    let text =
        |message: &crate::Message| String::from_utf8(message.bytes().to_vec()).unwrap_or_default();
    found(line).messages.iter().map(text).collect()
}

fn noise(line: &str) -> Vec<String> {
    found(line).noise.iter().map(|noise| String::from_utf8_lossy(noise).into_owned()).collect()
}

#[test]
fn members_that_are_null_count_as_absent() {
    const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    const ERROR: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#;
    const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    for (written, meant) in [
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":null}"#, RESULT),
        (r#"{"jsonrpc":"2.0","error":null,"id":1,"result":{}}"#, RESULT),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":null,"params":null,"result":{},"error":null}"#,
            RESULT,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":1,"message":"m"}}"#, ERROR),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"},"method":null}"#, ERROR),
        (r#"{"jsonrpc":null,"id":1,"result":{}}"#, RESULT),
        (r#"{"id":1,"result":{}}"#, RESULT),
        (r#"{"id":1,"result":{},"error":null}"#, RESULT),
        (r#"{"jsonrpc":2.0,"id":1,"result":{}}"#, RESULT),
        (r#"{"id":1,"error":{"code":1,"message":"m"}}"#, ERROR),
        (r#"{"jsonrpc":"2.0","id":null,"method":"notifications/x"}"#, NOTE),
        (r#"{"jsonrpc":"2.0","id":null,"method":"notifications/x","params":null}"#, NOTE),
        (r#"{"method":"notifications/x","result":null}"#, NOTE),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":null,"error":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","result":{}}"#, RESULT),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":null,"result":{"error":null}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"error":null}}"#,
        ),
    ] {
        assert_eq!(messages(written), [meant], "{written}");
        assert!(found(written).is_mended, "{written}");
    }
}

#[test]
fn a_wrong_version_is_understood_in_an_answer() {
    for version in [
        r#""1.0""#,
        r#""2""#,
        r#""2.1""#,
        r#""2.0.0""#,
        r#""v2.0""#,
        r#""""#,
        r#"" 2.0""#,
        "1",
        "1.0",
        "2.0",
        "2.00",
        "true",
        "[]",
        r#""2025-11-25""#,
    ] {
        for rest in [
            r#""id":1,"result":{"a":1}"#,
            r#""id":1,"error":{"code":1,"message":"m"}"#,
            r#""method":"notifications/x""#,
            r#""id":1,"result":{},"server":"s""#,
        ] {
            let written = format!(r#"{{"jsonrpc":{version},{rest}}}"#);
            assert_eq!(messages(&written), [format!(r#"{{"jsonrpc":"2.0",{rest}}}"#)], "{written}");
            assert!(found(&written).is_mended, "{written}");
            let written = format!(r#"{{{rest},"jsonrpc":{version}}}"#);
            assert_eq!(messages(&written).len(), 1, "{written}");
        }
    }
}

#[test]
fn an_error_in_another_form_becomes_an_error_object() {
    const FRONT: &str = r#"{"jsonrpc":"2.0","id":1,"error":"#;
    for (written, meant) in [
        (r#""disk full""#, r#"{"code":-32603,"message":"disk full"}"#),
        (r#""a\n\"b\"""#, r#"{"code":-32603,"message":"a\n\"b\""}"#),
        (r#"{"message":"m"}"#, r#"{"code":-32603,"message":"m"}"#),
        (r#"{"message":"m","data":[1]}"#, r#"{"code":-32603,"message":"m","data":[1]}"#),
        (r#"{"code":-32001}"#, r#"{"code":-32001,"message":"{\"code\":-32001}"}"#),
        (r#"{"code":"E1","message":"m"}"#, r#"{"code":-32603,"message":"m","data":{"code":"E1"}}"#),
        (r#"{"code":null,"message":"m"}"#, r#"{"code":-32603,"message":"m","data":{"code":null}}"#),
        (
            r#"{"code":-32001,"message":null}"#,
            r#"{"code":-32001,"message":"{\"code\":-32001,\"message\":null}"}"#,
        ),
        ("{}", r#"{"code":-32603,"message":"{}"}"#),
        ("404", r#"{"code":-32603,"message":"404"}"#),
        ("true", r#"{"code":-32603,"message":"true"}"#),
        (r#"["no"]"#, r#"{"code":-32603,"message":"[\"no\"]"}"#),
    ] {
        let line = format!("{FRONT}{written}}}");
        assert_eq!(messages(&line), [format!("{FRONT}{meant}}}")], "{line}");
    }
    assert!(messages(&format!("{FRONT}null}}"))[0].contains("exactly one"));
}

#[test]
fn lines_of_a_log_are_no_messages() {
    for line in [
        r#"{"level":"info","msg":"ready"}"#,
        r#"{"level":"info","id":1,"method":"GET","msg":"/mcp"}"#,
        r#"{"id":1,"error":"disk full","time":"12:00"}"#,
        r#"{"method":"GET","id":3}"#,
        r#"{"time":1,"result":{},"id":1}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"GET"}"#,
        r#"{"jsonrpc":"1.0","level":"info","msg":"GET"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"id":2}"#,
        r#"{"id":1,"error":"disk full","method":"GET"}"#,
        r#"{"id":1}"#,
        r#"INFO {"a":{"b":1}} {"c":2} done"#,
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        "function () { return {} }",
        "{not json}",
    ] {
        assert_eq!(messages(line), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn a_message_is_found_among_other_text() {
    const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    for (before, behind, around) in [
        ("INFO:root: ", "", &["INFO:root:"][..]),
        ("", " DEBUG: sent", &["DEBUG: sent"]),
        ("\u{1b}[32m", "\u{1b}[0m", &["\u{1b}[32m", "\u{1b}[0m"]),
        ("\u{1b}]0;title\u{7}", "", &["\u{1b}]0;title\u{7}"]),
        ("\u{feff}", "", &["\u{feff}"]),
        ("[{worker-1}] ", "", &["[{worker-1}]"]),
        ("{\"level\":\"info\"} ", "", &["{\"level\":\"info\"}"]),
        ("{\"level\":\"info\"}", " {\"msg\":2}", &["{\"level\":\"info\"}", "{\"msg\":2}"]),
        ("{ { {\"a\": ", "", &["{ { {\"a\":"]),
        ("} ", " }", &["}", "}"]),
        ("\"quoted { brace\" ", "", &["\"quoted { brace\""]),
        ("\u{0}", "", &["\u{0}"]),
        ("", "", &[]),
        (" , ", " ]", &[]),
    ] {
        let line = format!("{before}{NOTE}{behind}");
        assert_eq!(messages(&line), [NOTE], "{line}");
        assert_eq!(noise(&line), around, "{line}");
        assert!(!found(&line).is_mended && found(&line).unreadable.is_none(), "{line}");
    }
    assert_eq!(messages(&format!("{NOTE}{NOTE} and {NOTE}")), [NOTE; 3]);
    assert_eq!(messages(&format!("[{NOTE},{{\"no\":1}},{NOTE}]")), [NOTE; 2]);
}

#[test]
fn an_answer_that_cannot_be_read_fails_its_call() {
    for (line, id, at) in [
        (r#"{"jsonrpc":"2.0","id":7,"result":{"v":NaN}}"#, "7", 38),
        (r#"{"jsonrpc":"2.0","result":{"v":-Infinity},"id":7}"#, "7", 32),
        ("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"t\":\"a\u{1}b\"}}", "7", 40),
        ("{\"id\":7,\"result\":{\"t\":\"a\tb\"}}", "7", 24),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"text":"cut"#, "7", 54),
        (r#"{"jsonrpc":"2.0","id":"7","result":[1,2"#, "\"7\"", 39),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"a":1,}}"#, "7", 40),
        (r#"{"jsonrpc":"2.0","id":7,"result":{'a':1}}"#, "7", 34),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"a":undefined}}"#, "7", 38),
        (r#"{"jsonrpc":"2.0","id":7.0,"error":{"code":-32603,"message":"\x"}}"#, "7.0", 60),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"id":8,"v":Infinity}}"#, "7", 45),
        (r#"log: {"jsonrpc":"2.0","id":7,"result":{"v":NaN}}"#, "7", 43),
        (r#"{"jsonrpc":"1.0","id":7,"result":{"v":NaN}}"#, "7", 38),
        (r#"{"jsonrpc":"2.0","id":7,"id":7,"result":{"v":NaN}}"#, "7", 45),
        // As Python and JavaScript show objects.
        ("{'jsonrpc': '2.0', 'id': 7, 'result': {'a': True}}", "7", 1),
        ("{'jsonrpc': '2.0', 'id': '7', 'result': {'a': None}}", "\"7\"", 1),
        (r#"{'result': {'text': "it's", 'id': 8}, 'id': 7, 'jsonrpc': '2.0'}"#, "7", 1),
        (r#"{'id': 7, 'result': {'text': 'it\'s "so", is it'}, 'jsonrpc': '2.0'}"#, "7", 1),
        ("{'jsonrpc': '2.0', 'id': 7, 'error': {'code': -32603, 'message': 'no'}}", "7", 1),
        (r#"{"jsonrpc": "2.0", "id": 7, "result": {'a': 1}}"#, "7", 39),
        ("INFO sending {'jsonrpc': '2.0', 'id': 7, 'result': {}}", "7", 14),
        (r#"{jsonrpc: "2.0", id: 7, result: {}}"#, "7", 1),
        ("{ jsonrpc: '2.0', id: 7, result: { content: [ [Object] ] } }", "7", 2),
        (r#"{result:{id:8},id:"7",jsonrpc:"2.0"}"#, "\"7\"", 1),
        ("{error: Error { code: 1 }, id: 7, jsonrpc: '2.0'}", "7", 1),
        // The end of a line that was cut.
        (r#"text"}],"isError":false},"jsonrpc":"2.0","id":7}"#, "7", 0),
        (r#"}, "id": 7, "jsonrpc": "2.0" }"#, "7", 0),
    ] {
        let found = found(line);
        let said = found.messages.first().map(|message| message.bytes().clone());
        let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
        assert!(
            said.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error""#)),
            "{line}: {said}"
        );
        assert!(said.contains(&format!("at byte {at}")), "{line}: {said}");
        assert_eq!(found.unreadable.map(|error| error.at), Some(at), "{line}");
    }
    for neither in [
        r#"{"jsonrpc":"2.0","id":7}"#,
        r#"{"jsonrpc":"1.0","id":7}"#,
        r#"{"jsonrpc":"2.0","id":7,"results":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{"code":1,"message":"m"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{},"result":{}}"#,
        r#"{"JSONRPC":"2.0","ID":7,"Result":{}}"#,
        r#"{"jsonrpc":"2.0","Id":7,"result":{}}"#,
    ] {
        assert!(messages(neither)[0].contains("exactly one"), "{neither}");
    }
}

#[test]
fn what_is_no_answer_fails_no_call() {
    for line in [
        r#"{"jsonrpc":"2.0","id":7,"method":"roots/list","params":{"v":NaN}}"#,
        r#"{"level":"info","id":7,"v":NaN}"#,
        r#"{"jsonrpc":"2.0","result":{"id":7,"v":NaN}}"#,
        r#"{"jsonrpc":"2.0","id":7"#,
        r#"{"jsonrpc":"2.0","id":"7"#,
        r#"{"jsonrpc":"2.0","id":{"a":7},"result":NaN}"#,
        r#"{"text":"\"id\":7,\"result\":","v":NaN}"#,
        r#"{"level":"info","ID":7,"v":NaN}"#,
        "{level: 'info', id: 7, v: 1}",
        "{'level': 'info', 'id': 7}",
        "{'jsonrpc': '2.0', 'id': 7, 'method': 'roots/list'}",
        "{'jsonrpc': '2.0', 'result': {'id': 7}}",
        "{'id': {'a': 7}, 'result': 1}",
        "{'text': \"'id': 7, 'result': 1\"}",
        "function f({id = 7, result}) { return id }",
        r#"sent "id":7}"#,
        r#"sent {"a":1},"id":7}"#,
        r#"{"sent":[{"a":1,"jsonrpc":"2.0","id":7}]}"#,
        "{'id': 7, 'result': 1}",
        "{id: 7, result: 1}",
        r#"x},"method":"roots/list","jsonrpc":"2.0","id":7}"#,
        r#"the answer has "jsonrpc":"2.0","id":7"#,
        "[1, 2",
        "{",
    ] {
        assert_eq!(messages(line), Vec::<String>::new(), "{line}");
    }
}

/// In quadratic time it would take minutes.
#[test]
fn the_search_takes_time_in_proportion() {
    for unit in [
        "{\"a\":",
        "{",
        "{\"",
        "{\"a\":[{\"b\":",
        "{}",
        "{\"id\":1,\"x\":",
        "{'a':",
        "{a:",
        ",\"id\":1}",
        "'",
    ] {
        assert!(found(&unit.repeat(200_000)).messages.is_empty(), "{unit}");
    }
}
