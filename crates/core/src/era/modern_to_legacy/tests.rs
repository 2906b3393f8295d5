use proptest::prelude::{any, prop_assert, proptest};
use serde_json::{Value, json};

use super::{filter::InvalidFilter, *};
use crate::jsonrpc::{Assembly, Code, Edit, Message};

fn message(text: &str) -> Message {
    Message::parse(text.to_owned().into()).unwrap()
}

fn patched(message: &Message, patches: &[Patch]) -> String {
    let edits: Vec<Edit<'_>> = patches.iter().map(Patch::edit).collect();
    let assembly = Assembly { before: b"", source: message.bytes(), edits: &edits, behind: b"" };
    String::from_utf8(assembly.frame().runs().concat()).unwrap()
}

fn stripped(params: &str) -> String {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
    let request = LegacyRequest::of(&message(&text)).message;
    let again = Message::parse(request.bytes().clone()).unwrap();
    assert_eq!(request.params(), again.params());
    assert_eq!(request.meta(), again.meta());
    assert_eq!(request.id_span(), again.id_span());
    assert_eq!(request.requested_token(), again.requested_token());
    assert_eq!(request.uri(), again.uri());
    assert_eq!(request.name(), again.name());
    let params = request.params().map(|span| request.text(span)).unwrap_or_default();
    String::from_utf8(params.to_vec()).unwrap()
}

#[test]
fn requests_lose_their_metadata_and_nothing_else() {
    const V: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    const C: &str = r#""io.modelcontextprotocol/clientCapabilities":{"a":[1]}"#;
    for (params, left) in [
        (format!(r#"{{"name":"a","_meta":{{{V},{C}}}}}"#), r#"{"name":"a"}"#),
        (format!(r#"{{"_meta":{{{V}, {C}}}, "name":"a"}}"#), r#"{"name":"a"}"#),
        (format!(r#"{{"_meta":{{{V},{C}}}}}"#), "{}"),
        (format!(r#"{{"a":{{}} , "\u005fmeta" : {{{V}}} , "b":1}}"#), r#"{"a":{}  , "b":1}"#),
        (format!(r#"{{ "_\u006deta" : {{{V}}} , "name":"\u0061" }}"#), r#"{ "name":"\u0061" }"#),
        (
            format!(r#"{{"_meta":{{{V},"progressToken":1.0,{C},"traceparent":"x"}},"uri":"u"}}"#),
            r#"{"_meta":{"progressToken":1.0,"traceparent":"x"},"uri":"u"}"#,
        ),
        (
            format!(r#"{{"requestState":"s","a":1e2,"inputResponses":{{}},"_meta":{{{V}}}}}"#),
            r#"{"a":1e2}"#,
        ),
        (r#"{"task":{"ttl":1},"_meta":7}"#.to_owned(), r#"{"_meta":7}"#),
        (
            r#"{"arguments":{"requestState":1,"task":2},"_meta":{"io.modelcontextprotocol/clientInfo":1,"io.modelcontextprotocol/logLevel":2,"v":3}}"#.to_owned(),
            r#"{"arguments":{"requestState":1,"task":2},"_meta":{"v":3}}"#,
        ),
    ] {
        assert_eq!(stripped(&params), left);
    }
}

#[test]
fn a_retry_is_told_from_a_first_request() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"requestState":"s","inputResponses":{"r1":{}}}}"#;
    let message = message(text);
    let retry = LegacyRequest::of(&message).retry.unwrap();
    assert_eq!(message.text(retry.state.unwrap()), b"\"s\"");
    assert_eq!(message.text(retry.responses.unwrap()), br#"{"r1":{}}"#);
}

fn stamped(result: &str, answer: Answer, server: Option<&[u8]>) -> String {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
    let message = message(&text);
    let text = patched(&message, &stamps(&message, answer, server).unwrap());
    let rest = text.strip_prefix(r#"{"jsonrpc":"2.0","id":1,"result":"#).unwrap();
    rest.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn results_get_what_every_modern_one_has() {
    const SERVER: Option<&[u8]> = Some(br#"{"name":"s"}"#);
    const META: &str = r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}"#;
    for (answer, server, result, stamped_result) in [
        (Answer::Other, None, "{}", r#"{"resultType":"complete"}"#.to_owned()),
        (
            Answer::ToolCall,
            SERVER,
            r#"{ "content":[1.0] }"#,
            format!(r#"{{"resultType":"complete",{META}, "content":[1.0] }}"#),
        ),
        (
            Answer::Cacheable,
            SERVER,
            r#"{"_meta":{"v":1},"contents":[]}"#,
            r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"},"v":1},"contents":[]}"#.to_owned(),
        ),
        (
            Answer::Other,
            SERVER,
            r#"{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"own"}}}"#,
            r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"own"}}}"#.to_owned(),
        ),
        (
            Answer::Other,
            None,
            r#"{"resultType":"odd","a":1,"ttlMs":-1}"#,
            r#"{"resultType":"complete","a":1}"#.to_owned(),
        ),
        (
            Answer::ToolCall,
            None,
            r#"{"toolResult":{"n":1}}"#,
            r#"{"resultType":"complete","content":[{"type":"text","text":"{\"n\":1}"}]}"#.to_owned(),
        ),
        (
            Answer::ToolCall,
            None,
            r#"{"isError":true}"#,
            r#"{"resultType":"complete","content":[],"isError":true}"#.to_owned(),
        ),
    ] {
        assert_eq!(stamped(result, answer, server), stamped_result);
    }
    let message = message(r#"{"jsonrpc":"2.0","id":1,"result":7}"#);
    assert_eq!(stamps(&message, Answer::Other, None), None);
}

#[test]
fn tools_say_nothing_of_tasks() {
    let tools = r#"{"tools":[{"name":"a","execution":{"taskSupport":"required"}},{"execution":{"taskSupport":"optional"},"name":"b"},{"name":"c"}]}"#;
    assert_eq!(
        stamped(tools, Answer::Tools, None),
        r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"a"},{"name":"b"},{"name":"c"}]}"#
    );
}

fn error(code: i64, data: &str) -> Message {
    message(&format!(
        r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"m","data":{data}}}}}"#
    ))
}

#[test]
fn errors_of_the_older_era_are_put_in_defined_codes() {
    let instead = |code, data| match translate_error(&error(code, data)) {
        Translated::Instead(error) => Some((error.code, error.message, error.data)),
        _ => None,
    };
    assert_eq!(
        instead(-32002, r#"{"uri":"x"}"#),
        Some((Code::InvalidParams, "m".to_owned(), Some(r#"{"uri":"x"}"#.to_owned())))
    );
    for code in [-32023, -32050, -32099, -32021, -32042] {
        let data = Some(format!(r#"{{"originalCode":{code},"data":{{"a":1}}}}"#));
        assert_eq!(instead(code, r#"{"a":1}"#), Some((Code::Internal, "m".to_owned(), data)));
    }
    for (code, data) in [
        (-32601, "1"),
        (-32602, "1"),
        (-32603, "1"),
        (-32000, "1"),
        (-32019, "1"),
        (-32100, "1"),
        (-32020, "1"),
        (-32022, "1"),
        (-32021, r#"{"requiredCapabilities":{"sampling":{}}}"#),
        (7, "null"),
    ] {
        assert!(matches!(translate_error(&error(code, data)), Translated::AsItIs), "{code}");
    }
}

#[test]
fn urls_to_visit_are_questions() {
    let data =
        r#"{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://a","message":"Go"}]}"#;
    let Translated::Ask(questions) = translate_error(&error(-32042, data)) else {
        panic!("a question")
    };
    let requests: Value =
        serde_json::from_str(&crate::era::input_required::requests_of(questions)).unwrap();
    let params = json!({ "mode": "url", "message": "Go", "url": "https://a" });
    assert_eq!(requests, json!({ "r1": { "method": "elicitation/create", "params": params } }));
}

const GREETING: &[u8] = br#"{"protocolVersion":"2025-11-25","capabilities":{"tasks":{"list":{}},"tools":{"listChanged":true},"prompts":{},"resources":{"subscribe":true}},"serverInfo":{"name":"s","version":"1"},"instructions":"Be \"kind\"."}"#;

#[test]
fn the_handshake_is_told_as_a_discovery() {
    let greeting = Greeting::new(GREETING.into());
    let discovery: Value = serde_json::from_slice(&greeting.discovery()).unwrap();
    assert_eq!(
        discovery,
        json!({
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {
                "tools": { "listChanged": true }, "prompts": {}, "resources": { "subscribe": true }
            },
            "instructions": "Be \"kind\".",
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "s", "version": "1" } },
        })
    );
    let bare: Value = serde_json::from_slice(&Greeting::new("{}".into()).discovery()).unwrap();
    assert_eq!(bare["capabilities"], json!({}));
}

fn listen(params: &str) -> Result<Filter, InvalidFilter> {
    let text =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{params}}}"#);
    Filter::of(&message(&text))
}

#[test]
fn a_filter_is_narrowed_to_what_the_server_offers() {
    let asked = r#"{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":false,"resourceSubscriptions":["b","a","b"],"taskIds":["x"]}}"#;
    let honoured = listen(asked).unwrap().narrowed(&Greeting::new(GREETING.into()));
    let acknowledged: Value = serde_json::from_str(&honoured.acknowledgement("\"s1\"")).unwrap();
    assert_eq!(
        acknowledged["params"],
        json!({
            "notifications": { "toolsListChanged": true, "resourceSubscriptions": ["a", "b"] },
            "_meta": { "io.modelcontextprotocol/subscriptionId": "s1" },
        })
    );
    let nothing = listen(asked).unwrap().narrowed(&Greeting::new("{}".into()));
    assert_eq!(nothing, Filter::default());
}

#[test]
fn filters_that_are_none_are_refused() {
    for (params, problem) in [
        ("{}", InvalidFilter::Missing),
        (r#"{"notifications":null}"#, InvalidFilter::Missing),
        (r#"{"notifications":7}"#, InvalidFilter::Malformed),
        (r#"{"notifications":[]}"#, InvalidFilter::Malformed),
        (r#"{"notifications":{"toolsListChanged":"yes"}}"#, InvalidFilter::Malformed),
        (r#"{"notifications":{"resourceSubscriptions":[7]}}"#, InvalidFilter::Malformed),
    ] {
        assert_eq!(listen(params).unwrap_err(), problem, "{params}");
    }
    let many: Vec<String> = (0..1025).map(|number| format!("x:{number}")).collect();
    let params = json!({ "notifications": { "resourceSubscriptions": many } }).to_string();
    assert_eq!(listen(&params).unwrap_err(), InvalidFilter::TooLong);
}

#[test]
fn a_filter_admits_what_it_names() {
    let filter = listen(
        r#"{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["file:///a"]}}"#,
    )
    .unwrap();
    for (method, params, admitted) in [
        ("notifications/tools/list_changed", "{}", true),
        ("notifications/prompts/list_changed", "{}", false),
        ("notifications/resources/list_changed", "{}", false),
        ("notifications/resources/updated", r#"{"uri":"file:///a"}"#, true),
        ("notifications/resources/updated", r#"{"uri":"file:///a/b"}"#, true),
        ("notifications/resources/updated", r#"{"uri":"file:///ab"}"#, false),
        ("notifications/message", r#"{"level":"info","data":1}"#, false),
        ("notifications/progress", r#"{"progressToken":1,"progress":1}"#, false),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        assert_eq!(filter.admits(&message(&text)), admitted, "{method} {params}");
    }
}

proptest! {
    #[test]
    fn any_sound_request_stays_one(keys in proptest::collection::btree_map("[a-z_]{1,9}", any::<i64>(), 0..6), mask: u8) {
        let mut meta = serde_json::Map::new();
        for (place, key) in [crate::era::metadata::PROTOCOL_VERSION, "progressToken", crate::era::metadata::LOG_LEVEL, "v"].iter().enumerate() {
            if mask >> place & 1 == 1 { meta.insert((*key).to_owned(), place.into()); }
        }
        let mut params: serde_json::Map<String, Value> = keys.into_iter().map(|(key, value)| (key, value.into())).collect();
        params.insert("_meta".to_owned(), meta.into());
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "m", "params": params });
        let legacy = LegacyRequest::of(&message(&request.to_string())).message;
        let legacy: Value = serde_json::from_slice(legacy.bytes()).unwrap();
        for (key, value) in &params {
            if !["_meta", "task"].contains(&key.as_str()) {
                prop_assert!(legacy["params"].get(key) == Some(value));
            }
        }
        prop_assert!(!legacy.to_string().contains("io.modelcontextprotocol"));
    }
}
