//! Proves that nothing is changed on the way: the same traffic with the same server, over its own
//! pipe and through the proxy, is equal byte for byte.
//!
//! The proxy replaces ids and progress tokens on the way to the server and restores their original
//! spelling in the answer, so even those are compared.

use std::iter;

use crate::support::{Direct, LATEST, Launch, Proxy, Request, Session, Sse, call, initialize};

/// A path through the proxy that answers a request with messages.
trait Road {
    fn ask(&mut self, line: &str) -> Vec<String>;
}

impl Road for Session<'_> {
    fn ask(&mut self, line: &str) -> Vec<String> {
        self.post(line).messages()
    }
}

/// The stateless endpoint.
impl Road for Proxy {
    fn ask(&mut self, line: &str) -> Vec<String> {
        self.send(&Request::mcp(line)).messages()
    }
}

impl Road for Sse<'_> {
    fn ask(&mut self, line: &str) -> Vec<String> {
        self.send(line);
        let mut messages = vec![self.events.expect()];
        while messages.last().is_some_and(|message| message.contains("notifications/progress")) {
            messages.push(self.events.expect());
        }
        messages
    }
}

/// Sends every line on every path and compares with the server's own answer.
fn assert_equal_by_every_road(mode: &str, lines: &[String]) {
    let (proxy, mut stateless) =
        (Proxy::of(mode), Launch::new(mode).flags(&["--stateless"]).start());
    let bare = Launch::new(mode).flags(&["--no-eventStore"]).start();
    let (mut session, mut sse) = (proxy.session(), Sse::initialized(&proxy));
    let (mut old, mut unstored) = (Session::open_as(&proxy, "2024-11-05"), bare.session());
    let mut direct = Direct::of(mode);
    for line in lines {
        let mut expected = vec![direct.ask(line)];
        while expected.last().is_some_and(|message| message.contains("notifications/progress")) {
            expected.push(direct.line());
        }
        let roads: [(&str, &mut dyn Road); 5] = [
            ("session", &mut session),
            ("older session", &mut old),
            ("session without events", &mut unstored),
            ("stateless", &mut stateless),
            ("sse", &mut sse),
        ];
        for (name, road) in roads {
            let got = road.ask(line);
            assert!(got == expected, "{name}, {}: {}", short(line), difference(&got, &expected));
        }
    }
}

fn short(text: &str) -> &str {
    text.get(..300).unwrap_or(text)
}

/// Where two answers differ, for a readable failure.
fn difference(got: &[String], expected: &[String]) -> String {
    let (got, expected) = (got.join("\n"), expected.join("\n"));
    let same = got.bytes().zip(expected.bytes()).take_while(|(one, two)| one == two).count();
    let tail = |text: &str| {
        String::from_utf8_lossy(text.as_bytes().get(same..).unwrap_or_default())
            .chars()
            .take(200)
            .collect::<String>()
    };
    format!("after {same} bytes got {:?}, expected {:?}", tail(&got), tail(&expected))
}

/// Ids in every JSON spelling that a client may use.
const IDS: [&str; 18] = [
    "0",
    "1",
    r#""1""#,
    "1.0",
    "-1",
    "-0",
    "1e2",
    "1E+2",
    "0.1e-3",
    "9007199254740993",
    "12345678901234567890",
    "-123456789012345678901234567890",
    r#""""#,
    r#""a \"quoted\" id""#,
    r#""caf\u00e9""#,
    r#""café""#,
    r#""\ud800""#,
    r#""notifications\/cancelled""#,
];

#[test]
fn results_errors_and_pages_are_untouched() {
    let tools = ["numbers", "order", "escapes", "surrogate", "vendor", "spaces", "scalar", "error"];
    let mut lines: Vec<String> = tools.iter().map(|tool| call("1", tool, "{}")).collect();
    for (method, cursor) in [
        ("tools/list", None),
        ("tools/list", Some(r#""page\/2=\u003d""#)),
        ("tools/list", Some(r#""""#)),
        ("resources/list", None),
        ("resources/list", Some(r#""12345678901234567890""#)),
        ("prompts/list", Some("null")),
    ] {
        let params = cursor.map(|cursor| format!(r#","params":{{"cursor":{cursor}}}"#));
        let params = params.unwrap_or_default();
        lines.push(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"{params}}}"#));
    }
    assert_equal_by_every_road("scripted", &lines);
}

#[test]
fn ids_come_back_in_their_own_spelling() {
    let lines: Vec<String> =
        IDS.iter().map(|id| call(id, "echo", r#"{"text":"caf\u00e9 \ud800 \/"}"#)).collect();
    assert_equal_by_every_road("echo", &lines);
}

#[test]
fn requests_that_nobody_specified_pass() {
    let lines = [
        r#"{"jsonrpc":"2.0","id":1,"method":"vendor/echo","params":{"z":1.0,"a":12345678901234567890,"a":1e400,"s":"\ud800\/\u0000","_meta":{"vendor":-0},"n":[[[]]]}}"#,
        r#"{"params":{"b":2,"a":1},"method":"vendor/order","id":1,"jsonrpc":"2.0"}"#,
        "{ \"jsonrpc\" : \"2.0\" , \"id\" :\t1 , \"method\" : \"vendor/blanks\" , \"params\" : { \"a\" : 1 } }",
        r#"{"jsonrpc":"2.0","id":1,"method":"vendor\/\u0065scaped","params":{"a":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"id":2,"method":"y","jsonrpc":"3"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"argument":{"value":"é"}}}"#,
    ];
    assert_equal_by_every_road("echo", &lines.map(str::to_owned));
}

#[test]
fn progress_tokens_come_back_in_their_own_spelling() {
    let lines: Vec<String> = IDS
        .iter()
        .map(|token| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"work","_meta":{{"a":1.0,"progressToken":{token},"b":1e1}}}}}}"#
            )
        })
        .collect();
    assert_equal_by_every_road("progress 2", &lines);
}

#[test]
fn a_result_of_nine_mebibytes_is_whole() {
    assert_equal_by_every_road("scripted", &[call("1", "large", "{}")]);
}

/// The id is the only difference that the server sees.
#[test]
fn the_server_reads_what_the_client_wrote() {
    let before = r#"{"vendor/first":1.0,"jsonrpc":"2.0","id":"#;
    let after = r#","method":"vendor/line","params":{"z":1e400,"a":"\ud800"},"vendor/last":[1.0]}"#;
    let proxy = Proxy::of("scripted");
    let answer = proxy.session().post(format!("{before}\"mine\"{after}")).message();
    let line = answer.split_once(r#""result":"#).expect("a result").1;
    let line = line.strip_suffix('}').expect("the end of the answer");
    assert!(line.starts_with(before) && line.ends_with(after), "{line}");
}

#[test]
fn a_body_over_several_lines_becomes_one_line_for_the_server() {
    let proxy = Proxy::of("echo");
    let body = "\r\n{\n  \"jsonrpc\": \"2.0\",\r\n  \"id\": 1,\n\t\"method\": \"vendor/echo\",\n  \
        \"params\": {\n    \"a\": [\n      1.0\r\n    ]\n  }\n}\n";
    let answer = proxy.session().post(body).message();
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("a message");
    assert_eq!(answer["result"], serde_json::json!({ "a": [1.0] }));
}

#[test]
fn initialize_is_the_servers_own_answer() {
    let expected = Direct::of("echo").ask(&initialize(LATEST));
    let result = expected.split_once(r#""result":"#).expect("a result").1;
    let proxy = Proxy::of("echo");
    let answer = proxy.send(&Request::mcp(initialize(LATEST))).message();
    assert!(answer.contains(result), "{answer}\nhas not\n{result}");
    let answer = Sse::open(&proxy).ask(&initialize(LATEST));
    assert!(answer.contains(result), "{answer}\nhas not\n{result}");
}

#[test]
fn notifications_that_nobody_specified_pass_both_ways() {
    let line = r#"{"method":"vendor/note","params":{"n":1.0,"big":12345678901234567890,"s":"\/\ud800"},"jsonrpc":"2.0","vendor":null}"#;
    let proxy = Proxy::of("scripted");
    let (session, other) = (proxy.session(), proxy.session());
    let mut sse = Sse::initialized(&proxy);
    let mut streams = [session.listen(), other.listen()];
    assert_eq!(session.post(line).status, 202);
    for stream in streams.iter_mut().chain(iter::once(&mut sse.events)) {
        assert_eq!(stream.expect(), line);
    }
}

#[test]
fn equal_looking_ids_in_flight_at_once_are_kept_apart() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let mut held: Vec<_> = IDS
        .iter()
        .enumerate()
        .map(|(index, id)| {
            let stream = session.stream(call(id, "hold", &format!(r#"{{"text":"call {index}"}}"#)));
            (id, format!(r#""text":"call {index}""#), stream)
        })
        .collect();
    session.call("0", "release", "{}");
    for (id, text, stream) in &mut held {
        let answer = stream.expect();
        assert!(answer.contains(&*text), "{answer}");
        assert!(answer.contains(&format!(r#""id":{id},"#)), "{answer}");
        assert_eq!(stream.event(), None);
    }
}
