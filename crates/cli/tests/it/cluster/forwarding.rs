//! A session lives at one replica, and any replica serves it.

use serde_json::Value;

use super::{Replicas, peer_address, replica};
use crate::support::{Connection, LATEST, Request, Sse, call, initialize, scrape::Scrape};

fn forwarded(replicas: &Replicas, number: usize) -> [Option<f64>; 2] {
    let scrape = Scrape::of(&replicas.0[number]);
    ["out", "in"]
        .map(|way| scrape.value(&format!(r#"mcp_proxy_forwarded_total{{direction="{way}"}}"#)))
}

#[test]
fn requests_of_a_session_may_be_dealt_out_in_turn() {
    let replicas = Replicas::of(3, "echo");
    let opened = replicas.send(0, &Request::mcp(initialize(LATEST)));
    let id = opened.header("mcp-session-id").expect("a session id").to_owned();
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let of_session = |body: &str| Request::mcp(body).session(&id);
    assert_eq!(replicas.send(1, &of_session(initialized)).status, 202);
    for number in 0..9 {
        let text = format!(r#"{{"text":"{number}"}}"#);
        let answer = replicas.send(number, &of_session(&call(&number.to_string(), "echo", &text)));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("mcp-session-id"), Some(&*id));
        let message: Value = serde_json::from_str(&answer.message()).unwrap();
        assert_eq!(message["id"], number);
        assert_eq!(message["result"]["content"][0]["text"], number.to_string());
    }
    let own = Request::new("DELETE", "/mcp").session(&id);
    assert_eq!(replicas.send(2, &own).status, 200);
    for number in 0..3 {
        let gone = replicas.send(number, &of_session(&call("1", "echo", "{}")));
        assert_eq!(gone.status, 404);
        assert_eq!(gone.json()["error"]["message"], "Session not found");
    }
    assert_eq!(forwarded(&replicas, 0), [Some(0.0), Some(10.0)], "the owner hands nothing on");
    assert_eq!(forwarded(&replicas, 1), [Some(5.0), Some(0.0)]);
    assert_eq!(forwarded(&replicas, 2), [Some(5.0), Some(0.0)]);
}

#[test]
fn what_is_forwarded_is_answered_as_it_is_at_home() {
    let replicas = Replicas::of(2, "progress 5");
    let session = replicas.session();
    let work = r#"{"jsonrpc":"2.0","id":"w","method":"tools/call","params":{"name":"work","arguments":{},"_meta":{"progressToken":7}}}"#;
    let requests = [
        session.request(work),
        session.request(work).header("Accept", "application/json"),
        session.request(work).header("Accept", "text/event-stream"),
        session.request(work).header("Accept", "text/html"),
        session.request(work).header("Content-Type", "text/plain"),
        session.request("nonsense"),
        session.request("[]"),
        session.request(initialize(LATEST)),
        session.request(work).header("Mcp-Protocol-Version", "1999-01-01"),
        session.request(work).header("Content-Encoding", "br"),
        session.listening().header("Accept", "text/html"),
        session.listening().header("Last-Event-ID", "9_9_9"),
        Request::new("PUT", "/mcp").session(&session.id),
        Request::new("DELETE", "/mcp").session(&session.id).header("Mcp-Protocol-Version", "x"),
    ];
    for request in &requests {
        let [home, away] = [0, 1].map(|number| replicas.send(number, request));
        assert_eq!(home.status, away.status, "{request:?}");
        let told = |answer: &crate::support::Response| {
            let varying = ["date", "transfer-encoding", "content-length"];
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| !varying.contains(&name.to_lowercase().as_str()));
            headers.sort();
            headers
        };
        assert_eq!(told(&home), told(&away), "{request:?}");
        if home.header("content-type").is_some_and(|kind| kind.starts_with("text/event")) {
            assert_eq!(home.messages(), away.messages());
        } else {
            assert_eq!(home.text(), away.text(), "{request:?}");
        }
    }
}

#[test]
fn http_sse_messages_reach_their_stream() {
    let replicas = Replicas::of(2, "echo");
    let mut sse = Sse::initialized(&replicas.0[0]);
    for number in 0..4 {
        let text = call(&number.to_string(), "echo", &format!(r#"{{"text":"{number}"}}"#));
        let accepted = replicas.send(number, &Request::post(&sse.endpoint, text));
        assert_eq!((accepted.status, accepted.text()), (202, "Accepted"));
        let answer: Value = serde_json::from_str(&sse.events.expect()).unwrap();
        assert_eq!(answer["id"], number);
    }
    let endpoint = sse.endpoint.clone();
    drop(sse);
    crate::support::wait_for("the session ends with its stream", || {
        let late = replicas.send(1, &Request::post(&endpoint, call("9", "echo", "{}")));
        (late.status == 400 && late.text() == "No active transport").then_some(())
    });
}

#[test]
fn large_bodies_travel_both_ways() {
    let replicas = Replicas::of(2, "echo");
    let session = replicas.session();
    let text = "x".repeat(1024 * 1024);
    let answer =
        replicas.send(1, &session.request(call("1", "echo", &format!(r#"{{"text":"{text}"}}"#))));
    assert!(answer.message().contains(&text));
    let limit = 11 * 1024 * 1024;
    let too_large = replicas.send(1, &session.request("x".repeat(limit)));
    assert_eq!(too_large.status, 413);
}

#[test]
fn an_id_that_nobody_gave_is_unknown_without_a_question() {
    let replicas = Replicas::of(2, "echo");
    let session = replicas.session();
    let (id, owner) = session.id.split_once('.').expect("an owner");
    let mut other = owner.to_owned();
    other.replace_range(..1, if owner.starts_with('A') { "B" } else { "A" });
    let swapped = format!("0{}", &id[1..]);
    let forged = [
        id.to_owned(),
        format!("{id}.{other}"),
        format!("{swapped}.{owner}"),
        format!("{}.{owner}", id.to_uppercase()),
        format!("{id}.{owner}.{owner}"),
        "0b3d3e4a-9d0e-4c55-a1e5-1f3c4f7a2f50".to_owned(),
    ];
    for forged in forged.iter().filter(|forged| **forged != session.id) {
        let request = Request::mcp(call("1", "echo", "{}")).session(forged);
        for number in 0..2 {
            assert_eq!(replicas.send(number, &request).status, 404, "{forged}");
        }
    }
    assert_eq!(forwarded(&replicas, 1), [Some(0.0), Some(0.0)]);
    session.assert_healthy();
}

#[test]
fn nobody_but_a_replica_says_who_is_calling() {
    let replicas = Replicas::with(2, "echo", &["--apiKey", "the key"]);
    let keyed = Request::mcp(initialize(LATEST)).header("X-API-Key", "the key");
    let opened = replicas.send(0, &keyed);
    let id = opened.header("mcp-session-id").expect("a session id");
    let request = Request::mcp(call("1", "echo", r#"{"text":"a"}"#)).session(id);
    let forged = request.clone().header("Mcp-Proxy-Peer-Caller", "01.2.3.4:5");
    for number in 0..2 {
        assert_eq!(replicas.send(number, &request).status, 401);
        assert_eq!(replicas.send(number, &forged).status, 401);
        let keyed = forged.clone().header("X-API-Key", "the key");
        let answer = replicas.send(number, &keyed);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!format!("{answer:?}").to_lowercase().contains("mcp-proxy-peer"));
    }
    let port = peer_address(&replicas.0[0]).port();
    let mut stranger = Connection::to(port);
    stranger.try_write(&forged.bytes());
    assert_eq!(stranger.rest(), b"", "the peer port talks to replicas only");
}

#[test]
fn without_other_replicas_ids_are_what_they_were() {
    let proxy = crate::support::Proxy::of("echo");
    assert_eq!(proxy.session().id.len(), 36);
    assert!(!proxy.stdout.so_far().contains("other replicas"));
    let replica = replica("echo", super::SECRET).start();
    assert!(replica.session().id.len() > 36);
}
