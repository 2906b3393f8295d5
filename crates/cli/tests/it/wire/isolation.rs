//! Many clients of one server: each receives its own messages and nothing else.

use std::thread;

use crate::support::{Kept, Launch, Proxy, Session, Sse, call, wait_for};

const CLIENTS: usize = 8;
const CALLS: usize = 50;

fn request(id: usize, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

#[test]
fn clients_with_the_same_ids_get_their_own_answers() {
    let proxy = Proxy::of("echo");
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let proxy = &proxy;
            scope.spawn(move || {
                let session = proxy.session();
                let mut kept = Kept::new(&session);
                for id in 0..CALLS {
                    let text = format!(r#"{{"text":"client {client} call {id}"}}"#);
                    let answer = kept.post(&call(&id.to_string(), "echo", &text)).message();
                    let expected = format!(
                        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"client {client} call {id}"}}]}}}}"#
                    );
                    assert_eq!(answer, expected);
                }
            });
        }
    });
}

#[test]
fn the_same_progress_token_is_a_different_one_for_every_client() {
    let proxy = Proxy::of("slow");
    let sessions: Vec<Session<'_>> = (0..CLIENTS).map(|_| proxy.session()).collect();
    let mut streams: Vec<_> = sessions
        .iter()
        .enumerate()
        .map(|(client, session)| {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"hold","arguments":{{"text":"client {client}"}},"_meta":{{"progressToken":"same"}}}}}}"#
            );
            (client, session.stream(body))
        })
        .collect();
    sessions[0].call("2", "step", "{}");
    sessions[1].call("2", "release", "{}");
    for (client, stream) in &mut streams {
        let progress = stream.expect();
        assert!(progress.contains(r#""progressToken":"same","progress":1"#), "{progress}");
        let result = stream.expect();
        assert!(result.contains(&format!(r#""text":"client {client}""#)), "{result}");
        assert_eq!(stream.message(), None);
    }
}

fn counts(session: &Session<'_>) -> String {
    let answer = session.call("90", "counts", "{}");
    answer.split_once(r#""structuredContent":"#).expect("counts").1.to_owned()
}

fn subscription(session: &Session<'_>, verb: &str, uri: &str) {
    let method = format!("resources/{verb}");
    let answer = session.post(request(1, &method, &format!(r#"{{"uri":"{uri}"}}"#))).message();
    assert!(answer.contains(r#""result""#), "{answer}");
}

#[test]
fn updates_go_to_subscribers_only() {
    let proxy = Proxy::of("subscribe");
    let (one, two) = (proxy.session(), proxy.session());
    let mut streams = (one.listen(), two.listen());
    let mut sse = Sse::initialized(&proxy);
    subscription(&one, "subscribe", "file:///a");
    subscription(&two, "subscribe", "file:///b");
    subscription(&two, "subscribe", "file:///c");
    sse.ask(&request(1, "resources/subscribe", r#"{"uri":"file:///c"}"#));
    for uri in ["file:///none", "file:///a", "file:///b", "file:///c"] {
        one.call("2", "touch", &format!(r#"{{"uri":"{uri}"}}"#));
    }
    // The last message for each of them; anything that should not have come would come before it.
    subscription(&one, "subscribe", "file:///end");
    subscription(&two, "subscribe", "file:///end");
    sse.send(&request(2, "resources/subscribe", r#"{"uri":"file:///end"}"#));
    let mut told = sse.events.until(r#""id":2"#);
    one.call("3", "touch", r#"{"uri":"file:///end"}"#);
    let uris = |messages: Vec<String>| -> Vec<char> {
        messages
            .iter()
            .filter_map(|message| message.split("file:///").nth(1)?.chars().next())
            .collect()
    };
    assert_eq!(uris(streams.0.until("file:///end")), ['a', 'e']);
    assert_eq!(uris(streams.1.until("file:///end")), ['b', 'c', 'e']);
    told.extend(sse.events.until("file:///end"));
    assert_eq!(uris(told), ['c', 'e']);
}

#[test]
fn a_resource_is_unsubscribed_when_its_last_subscriber_leaves() {
    let proxy = Proxy::of("subscribe");
    let (one, two) = (proxy.session(), proxy.session());
    let mut sse = Sse::initialized(&proxy);
    subscription(&one, "subscribe", "file:///a");
    subscription(&two, "subscribe", "file:///a");
    subscription(&two, "subscribe", "file:///a");
    sse.ask(&request(1, "resources/subscribe", r#"{"uri":"file:///a"}"#));
    assert!(!counts(&one).contains(r#""subscribed":0"#));
    subscription(&one, "unsubscribe", "file:///a");
    subscription(&one, "unsubscribe", "file:///a");
    assert!(counts(&one).contains(r#""unsubscribed":0"#), "{}", counts(&one));
    assert_eq!(two.delete().status, 200);
    assert!(counts(&one).contains(r#""unsubscribed":0"#), "{}", counts(&one));
    drop(sse);
    wait_for("the last subscriber's leaving is told", || {
        counts(&one).contains(r#""unsubscribed":1"#).then_some(())
    });
}

#[test]
fn every_session_has_its_own_log_level() {
    let proxy = Proxy::of("log");
    let (loud, quiet, default) = (proxy.session(), proxy.session(), proxy.session());
    let mut streams = [loud.listen(), quiet.listen(), default.listen()];
    for (session, level) in [(&loud, "debug"), (&quiet, "error")] {
        let params = format!(r#"{{"level":"{level}"}}"#);
        let answer = session.post(request(1, "logging/setLevel", &params)).message();
        assert!(answer.contains(r#""result":{}"#), "{answer}");
    }
    default.call("2", "log-later", "{}");
    let [loud_levels, quiet_levels, default_levels] = streams.each_mut().map(|stream| {
        let messages = stream.until("at emergency");
        messages.iter().map(|message| level(message)).collect::<Vec<_>>()
    });
    let all = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    assert_eq!(loud_levels, all);
    assert_eq!(quiet_levels, all[4..]);
    assert_eq!(default_levels, all);
    let told = loud.call("3", "levels", "{}");
    assert!(told.contains(r#""debug""#), "the server has to log for the loudest: {told}");
}

/// Nothing says for which call the server logs, so while calls are running nobody else gets its log
/// messages.
#[test]
fn what_the_server_logs_during_a_call_reaches_its_client_alone() {
    let proxy = Proxy::of("log");
    let (caller, other) = (proxy.session(), proxy.session());
    let (mut of_caller, mut of_other) = (caller.listen(), other.listen());
    caller.call("1", "log", "{}");
    let during = of_caller.until("at emergency");
    assert_eq!(during.len(), 8, "{during:?}");
    let touched =
        r#"{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"emergency"}}"#;
    assert_eq!(other.post(touched).status, 200);
    caller.call("3", "log-later", "{}");
    // From now on it wants only the last of them; before, it would have got all.
    let later = of_other.until("at emergency");
    assert_eq!(later.len(), 1, "{later:?}");
}

fn level(message: &str) -> String {
    let rest = message.split_once(r#""data":"at "#).expect("a log message").1;
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn an_invalid_log_level_is_refused() {
    let proxy = Proxy::of("log");
    let session = proxy.session();
    for params in [r#"{"level":"loud"}"#, r#"{"level":3}"#, "{}"] {
        let answer = session.post(request(1, "logging/setLevel", params)).message();
        assert!(answer.contains("-32602"), "{params}: {answer}");
    }
    session.assert_healthy();
}

#[test]
fn one_clients_cancellation_is_not_anothers() {
    let proxy = Proxy::of("cancel");
    let (one, two) = (proxy.session(), proxy.session());
    let (_first, _second) =
        (one.stream(call("5", "hang", "{}")), two.stream(call("5", "hang", "{}")));
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5,"reason":"enough"}}"#;
    assert_eq!(two.post(cancel).status, 202);
    let report = two.call("6", "cancelled", "{}");
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report");
    let report = &report["result"]["structuredContent"];
    let (hanging, cancelled) = (&report["hanging"], &report["cancelled"]);
    assert_eq!(hanging.as_array().map(Vec::len), Some(2));
    assert_eq!(cancelled.as_array().map(Vec::len), Some(1));
    assert_eq!(cancelled[0]["requestId"], hanging[1]);
    assert_eq!(cancelled[0]["reason"], "enough");
}

#[test]
fn a_cancellation_of_nothing_reaches_nobody() {
    let proxy = Proxy::of("cancel");
    let (one, two) = (proxy.session(), proxy.session());
    let _hanging = one.stream(call("5", "hang", "{}"));
    for id in ["5", "\"5\"", "0", "1", "null", "{}"] {
        let cancel = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        );
        assert_eq!(two.post(cancel).status, 202, "{id}");
    }
    let report = one.call("6", "cancelled", "{}");
    assert!(report.contains(r#""cancelled":[]"#), "{report}");
}

#[test]
fn a_client_that_leaves_cancels_nothing() {
    let proxy = Proxy::of("cancel");
    let session = proxy.session();
    let mut stream = session.stream(call("5", "hang", "{}"));
    stream.event().expect("the priming event");
    drop(stream);
    let report = session.call("6", "cancelled", "{}");
    assert!(report.contains(r#""cancelled":[]"#), "{report}");
}

#[test]
fn a_session_cannot_answer_for_another() {
    let proxy = Proxy::of("slow");
    let (one, two) = (proxy.session(), proxy.session());
    let mut held = one.stream(call("1", "hold", r#"{"text":"mine"}"#));
    for id in ["0", "1", "2", "3"] {
        let forged = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"forged":true}}}}"#);
        assert_eq!(two.post(forged).status, 202);
    }
    two.call("1", "release", "{}");
    assert!(held.expect().contains("mine"));
    assert_eq!(held.message(), None);
}

#[test]
fn a_reader_that_stalls_holds_up_nobody() {
    let proxy = Proxy::of("progress 20000");
    let (stalled, other) = (proxy.session(), proxy.session());
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","_meta":{"progressToken":1}}}"#;
    let unread: Vec<_> = (0..4).map(|_| stalled.stream(body)).collect();
    for _ in 0..20 {
        other.assert_healthy();
    }
    for mut stream in unread {
        let messages = stream.until(r#""id":1"#);
        assert_eq!(messages.len(), 20_001);
    }
}

/// A text that Go and others read as a request, and this proxy as a notification.
#[test]
fn a_message_that_servers_may_read_otherwise_never_reaches_a_shared_one() {
    let proxy = Proxy::of("scripted");
    let session = proxy.session();
    for params in [r#"{"Name":"echo"}"#, r#"{"name":"echo","name":"large"}"#, r#"{"_Meta":{}}"#] {
        let answer = session.post(request(1, "tools/call", params)).message();
        assert!(answer.contains("-32600") && answer.contains("--isolation session"), "{answer}");
    }
    for method in ["Tools/Call", "logging/setlevel", r"resources/unsubscribe\u0000", "TASKS/get"] {
        let answer = session.post(request(1, method, "{}")).message();
        assert!(answer.contains("-32600") && answer.contains("method"), "{method}: {answer}");
    }
    let mut stream = session.listen();
    let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/Cancelled","params":{}}"#;
    assert_eq!(session.post(cancelled).status, 202);
    // It sends such notifications back.
    let forged = r#"{"jsonrpc":"2.0","method":"vendor/x","Method":"tools/call","ID":1}"#;
    assert_eq!(session.post(forged).status, 202);
    assert_eq!(session.post(r#"{"jsonrpc":"2.0","method":"vendor/y"}"#).status, 202);
    assert!(stream.expect().contains("vendor/y"));
    session.assert_healthy();
    let own = Launch::new("scripted").flags(&["--isolation", "session"]).start();
    let session = own.session();
    let answer =
        session.post(request(1, "tools/call", r#"{"name":"scalar","Name":"x"}"#)).message();
    assert!(answer.contains("result"), "{answer}");
}

#[test]
fn ids_that_the_server_sees_cannot_be_guessed() {
    let proxy = Proxy::of("scripted");
    let session = proxy.session();
    let id = |line: &str| -> u64 {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["result"]["id"].as_u64().expect("an id")
    };
    let ids: Vec<u64> =
        (0..3).map(|_| id(&session.post(request(1, "vendor/line", "{}")).message())).collect();
    assert!(ids.iter().all(|&id| (1 << 52..1 << 53).contains(&id)), "{ids:?}");
    assert!(ids[0].abs_diff(ids[1]) > 1 << 20 && ids[1].abs_diff(ids[2]) > 1 << 20, "{ids:?}");
}
