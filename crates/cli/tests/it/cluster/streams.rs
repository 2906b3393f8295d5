//! Streams of a session that are read at another replica than the session's own.

use super::Replicas;
use crate::support::{Connection, call, wait_for};

#[test]
fn unasked_messages_reach_a_client_that_listens_elsewhere() {
    let replicas = Replicas::of(3, "list-changed");
    let session = replicas.session();
    let mut listening = replicas.0[1].stream(&session.listening());
    let answer = replicas.send(2, &session.request(call("1", "change", "{}")));
    assert_eq!(answer.status, 200);
    assert!(listening.expect().contains("list_changed"));
    drop(listening);
    // The session's replica notices that reading has ended.
    let mut next = wait_for("the stream is free again", || {
        let answer = replicas.0[2].connect().begin(&session.listening());
        (answer.status == 200).then_some(answer)
    });
    assert!(replicas.send(1, &session.request(call("2", "change", "{}"))).status == 200);
    let mut body = Vec::new();
    while !String::from_utf8_lossy(&body).contains("list_changed") {
        assert!(next.more(&mut body), "the stream goes on");
    }
}

#[test]
fn a_stream_is_resumed_at_any_replica() {
    let replicas = Replicas::of(3, "slow");
    let session = replicas.session();
    let hold = r#"{"jsonrpc":"2.0","id":"h","method":"tools/call","params":{"name":"hold","arguments":{},"_meta":{"progressToken":7}}}"#;
    let mut stream = replicas.0[1].stream(&session.request(hold));
    let primed = stream.event().expect("a priming event").id.expect("an id");
    assert_eq!(replicas.send(2, &session.request(call("1", "step", "{}"))).status, 200);
    assert!(stream.expect().contains("notifications/progress"));
    drop(stream);
    assert_eq!(replicas.send(0, &session.request(call("2", "release", "{}"))).status, 200);
    let resuming = session.listening().header("Last-Event-ID", &primed);
    for number in [2, 1, 0] {
        let answer = wait_for("the stream has no other reader", || {
            Some(replicas.send(number, &resuming)).filter(|answer| answer.status == 200)
        });
        let messages = answer.messages();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("notifications/progress"));
        assert!(messages[1].contains(r#""id":"h""#));
    }
}

#[test]
fn a_call_is_cancelled_at_any_replica() {
    let replicas = Replicas::of(3, "cancel");
    let session = replicas.session();
    let _hanging = replicas.0[1].stream(&session.request(call("\"x\"", "hang", "{}")));
    let cancel =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}"#;
    assert_eq!(replicas.send(2, &session.request(cancel)).status, 202);
    wait_for("the server learns of the cancellation", || {
        let told = session.call("2", "cancelled", "{}");
        told.contains(r#""cancelled":[{"#).then_some(())
    });
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody_else() {
    let replicas = Replicas::of(2, "echo");
    let session = replicas.session();
    let text = "x".repeat(4 * 1024 * 1024);
    let large = session.request(call("1", "echo", &format!(r#"{{"text":"{text}"}}"#)));
    let stuck: Vec<Connection> = (0..8)
        .map(|_| {
            let mut connection = replicas.0[1].connect();
            connection.write(&large.bytes());
            connection
        })
        .collect();
    for number in 0..20 {
        let small = call(&number.to_string(), "echo", r#"{"text":"small"}"#);
        assert_eq!(replicas.send(1, &session.request(small)).status, 200);
    }
    for mut connection in stuck {
        assert!(connection.response().message().contains(&text));
    }
}
