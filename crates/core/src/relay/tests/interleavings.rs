//! Clients, the server's output and its end on threads of their own, in orders that a scheduler
//! chooses.

use shuttle::{future::block_on, thread};

use super::{
    super::outbox::{Outbox, Pushed},
    *,
};

/// Orders tried in each test.
const ORDERS: usize = 2000;
const CALLS: u64 = 3;

/// The sink of one call, which gets nothing after its end.
#[derive(Default)]
struct OfOneCall {
    kept: Kept,
    ended: Mutex<bool>,
}

impl Sink for OfOneCall {
    fn write(&self, outgoing: Outgoing<'_>) {
        let mut ended = self.ended.lock().unwrap();
        assert!(!*ended, "a message came after the end of the call");
        *ended = outgoing.response;
        self.kept.write(outgoing);
    }

    fn forget(&self) {
        let mut ended = self.ended.lock().unwrap();
        assert!(!*ended, "the call ended twice");
        *ended = true;
        self.kept.forget();
    }
}

/// Sends calls and waits for nothing.
fn client(upstream: &Upstream) -> Vec<Arc<OfOneCall>> {
    let (connection, _) = upstream.client();
    let send = |number: u64| {
        let sink = Arc::new(OfOneCall::default());
        let request = message(&json!({"jsonrpc": "2.0", "id": number, "method": "tools/call",
            "params": {"name": "a", "_meta": {"progressToken": number}}}));
        let reply = Reply::to(&request, Arc::<OfOneCall>::clone(&sink) as _);
        // Dropping the future of a waiting call ends it.
        drop(connection.send(request, Some(reply), None));
        sink
    };
    let sinks = (0..CALLS).map(send).collect();
    connection.close();
    sinks
}

/// Answers what has arrived, with progress before and after, and twice.
fn serve(upstream: &Upstream) {
    for request in upstream.sent().iter().filter(|request| request["method"] == "tools/call") {
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
            "params": {"progressToken": request["id"], "progress": 1}});
        upstream.says(&progress);
        let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": {"text": "b"}});
        upstream.says(&answer);
        upstream.says(&progress);
        upstream.says(&answer);
    }
}

fn lose(upstream: &Upstream) {
    let cause = Cause { message: "the server has gone".to_owned(), data: None };
    upstream.shared.lost(&cause, 1);
}

/// Every call has one answer; a call that was cancelled with its client has none.
fn check(calls: &[Arc<OfOneCall>]) {
    for (number, call) in calls.iter().enumerate() {
        let mut answers = call.kept.take();
        answers.retain(|message| message.get("id").is_some());
        let forgotten = *call.kept.forgotten.lock().unwrap();
        assert_eq!(answers.len() + forgotten, 1, "{answers:?}, forgotten {forgotten} times");
        assert!(answers.iter().all(|answer| answer["id"] == number));
    }
}

#[test]
fn a_call_has_one_end_whoever_goes_first() {
    let run = || {
        let upstream = Arc::new(Upstream::new(Limits::default()));
        let on = |act: fn(&Upstream)| {
            let upstream = Arc::clone(&upstream);
            thread::spawn(move || act(&upstream))
        };
        let others = [on(serve), on(lose), on(serve)];
        let clients = [(); 2].map(|()| {
            let upstream = Arc::clone(&upstream);
            thread::spawn(move || client(&upstream))
        });
        let calls = clients.map(|client| client.join().unwrap());
        others.into_iter().for_each(|other| other.join().unwrap());
        upstream.shared.closed(&Cause { message: "the end".to_owned(), data: None });
        calls.iter().for_each(|calls| check(calls));
    };
    shuttle::check_random(run, ORDERS);
    shuttle::check_pct(run, ORDERS, 3);
}

/// Pushes numbered texts, each larger than half of what may be queued.
fn push_all(outbox: &Outbox, sender: u8) -> Vec<Vec<u8>> {
    let push = |number: u8| {
        let text = [vec![sender, number], vec![b'x'; 3_000_000]].concat();
        let source = text.clone().into();
        let assembly = Assembly { before: b"", source: &source, edits: &[], behind: b"" };
        loop {
            match outbox.push(&assembly) {
                Pushed::Queued => return Some(text[..2].to_vec()),
                Pushed::Full => block_on(outbox.room()),
                Pushed::Closed => return None,
            }
        }
    };
    (0..3).map_while(push).collect()
}

#[test]
fn what_an_outbox_took_comes_out_in_order_and_nobody_waits_for_ever() {
    let run = || {
        let outbox = Arc::new(Outbox::default());
        let senders = [b'a', b'b'].map(|sender| {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || push_all(&outbox, sender))
        });
        let closing = Arc::clone(&outbox);
        let closer = thread::spawn(move || closing.close());
        let mut taken = Vec::new();
        while let Some(batch) = block_on(outbox.next()) {
            let all = batch.concat();
            taken.extend(all.chunks(3_000_002).map(|text| text[..2].to_vec()));
        }
        closer.join().unwrap();
        for (sender, accepted) in [b'a', b'b'].iter().zip(senders) {
            let of_sender = taken.iter().filter(|text| text[0] == *sender);
            assert!(of_sender.eq(&accepted.join().unwrap()));
        }
    };
    shuttle::check_random(run, ORDERS / 10);
}
