//! Clients on many threads, over a server on yet another one.

use std::{iter::repeat_with, thread};

use super::*;

const CLIENTS: u64 = 8;
const CALLS: u64 = 300;

fn client(upstream: &Upstream, client: u64) {
    let (connection, unsolicited) = upstream.client();
    for number in 0..CALLS {
        let sink = Arc::new(Kept::default());
        let request = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call",
            "params": {"client": client, "number": number, "_meta": {"progressToken": "t"}}});
        call(&connection, &request, &sink);
        let read = repeat_with(|| {
            thread::yield_now();
            sink.take()
        });
        let read: Vec<Value> = read.flatten().take(2).collect();
        let text = format!("{client} {number}");
        assert_eq!(
            read[0]["params"],
            json!({"progressToken": "t", "progress": 1, "message": text})
        );
        assert_eq!(read[1], json!({"jsonrpc": "2.0", "id": number, "result": {"text": text}}));
    }
    connection.close();
    assert_eq!(unsolicited.take(), NOTHING);
}

/// Answers every call with some progress and a result that names it.
fn serve(upstream: &Upstream) {
    let mut answered = 0;
    while answered < CLIENTS * CALLS {
        for request in upstream.sent() {
            let (id, params) = (&request["id"], &request["params"]);
            let text = format!("{} {}", params["client"], params["number"]);
            upstream.says(&json!({"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": id, "progress": 1, "message": text}}));
            upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {"text": text}}));
            answered += 1;
        }
        thread::yield_now();
    }
}

#[test]
fn calls_of_many_threads_get_their_own_answers() {
    let upstream = Upstream::new(Limits::default());
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let upstream = &upstream;
            scope.spawn(move || client(upstream, number));
        }
        serve(&upstream);
    });
}
