use tokio::time::{Instant, sleep};

use super::*;

const SILENCE: Duration = Duration::from_secs(10);
const TOTAL: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(10);
/// How late an exceeded limit may be noticed.
const LATE: Duration = Duration::from_secs(2);

fn watched(limits: Limits) -> Upstream {
    let upstream = Upstream::new(limits);
    tokio::spawn(Arc::clone(&upstream.shared).expire_calls());
    upstream
}

fn both() -> Upstream {
    watched(Limits { silence: Some(SILENCE), total: Some(TOTAL) })
}

fn begin(upstream: &Upstream) -> (Arc<dyn Connection>, Arc<Kept>, Value) {
    let (connection, sink) = upstream.client();
    let request = json!({"jsonrpc": "2.0", "id": "c", "method": "tools/call",
        "params": {"_meta": {"progressToken": "t"}}});
    call(&connection, &request, &sink);
    let id = upstream.sent()[0]["id"].clone();
    (connection, sink, id)
}

fn progress(upstream: &Upstream, id: &Value) {
    upstream.says(&json!({"jsonrpc": "2.0", "method": "notifications/progress",
        "params": {"progressToken": id, "progress": 1}}));
}

fn timed_out_after(limit: Duration) -> Value {
    json!({"jsonrpc": "2.0", "id": "c", "error": {"code": -32603, "message": "Request timed out",
        "data": {"timeout": u64::try_from(limit.as_millis()).unwrap()}}})
}

#[tokio::test(start_paused = true)]
async fn a_silent_call_fails_and_the_server_is_told() {
    let upstream = both();
    let (_connection, sink, id) = begin(&upstream);
    sleep(SILENCE.saturating_sub(MOMENT)).await;
    assert_eq!(sink.take(), NOTHING);
    sleep(LATE).await;
    assert_eq!(sink.take(), [timed_out_after(SILENCE)]);
    let cancelled = upstream.sent();
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0]["method"], "notifications/cancelled");
    assert_eq!(cancelled[0]["params"]["requestId"], id);
    upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    assert_eq!(sink.take(), NOTHING, "an answer that comes too late is nobody's");
}

#[tokio::test(start_paused = true)]
async fn progress_resets_the_silence_and_not_the_total() {
    let upstream = both();
    let (_connection, sink, id) = begin(&upstream);
    let started = Instant::now();
    while started.elapsed() < TOTAL.saturating_sub(SILENCE) {
        sleep(SILENCE.saturating_sub(MOMENT)).await;
        progress(&upstream, &id);
        let read = sink.take();
        assert_eq!(read.len(), 1, "{read:?}");
        assert_eq!(read[0]["params"]["progressToken"], "t");
    }
    sleep(TOTAL.saturating_sub(started.elapsed() + MOMENT)).await;
    assert_eq!(sink.take(), NOTHING);
    sleep(LATE).await;
    assert_eq!(sink.take(), [timed_out_after(TOTAL)]);
    assert!(started.elapsed() < TOTAL + LATE + MOMENT);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_the_only_one() {
    let upstream = both();
    let (_connection, sink, id) = begin(&upstream);
    sleep(SILENCE / 2).await;
    upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    sleep(2 * TOTAL).await;
    assert_eq!(sink.take(), [json!({"jsonrpc": "2.0", "id": "c", "result": {}})]);
    assert_eq!(upstream.sent(), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn calls_after_a_quiet_time_are_watched_again() {
    let upstream = both();
    for _ in 0..3 {
        let (_connection, sink, _) = begin(&upstream);
        sleep(SILENCE + LATE).await;
        assert_eq!(sink.take(), [timed_out_after(SILENCE)]);
        drop(upstream.sent());
        sleep(10 * TOTAL).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_limits_a_call_may_take_for_ever() {
    let upstream = watched(Limits::default());
    let (_connection, sink, id) = begin(&upstream);
    sleep(1000 * TOTAL).await;
    assert_eq!(sink.take(), NOTHING);
    upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    assert_eq!(sink.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_the_server_has_a_limit_of_its_own() {
    let upstream = both();
    let (connection, sink) = upstream.client();
    upstream.shared.lost(&Cause { message: "gone".to_owned(), data: None }, 1);
    let request = message(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}));
    let reply = Reply::to(&request, Arc::<Kept>::clone(&sink) as _);
    let started = Instant::now();
    connection.send(request, Some(reply), None).expect("it has to wait").await;
    assert_eq!(started.elapsed(), Duration::from_secs(10));
    assert_eq!(sink.take()[0]["error"]["code"], -32603);
}

#[tokio::test(start_paused = true)]
async fn an_unsubscription_that_is_never_answered_does_not_stand_in_the_way_of_the_next() {
    let upstream = both();
    let (one, sink) = upstream.client();
    let about = |method: &str| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"uri": "x:a"}});
    call(&one, &about("resources/subscribe"), &sink);
    let id = upstream.sent()[0]["id"].clone();
    upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    call(&one, &about("resources/unsubscribe"), &sink);
    assert_eq!(upstream.sent()[0]["method"], "resources/unsubscribe");
    let (two, wish) = upstream.client();
    call(&two, &about("resources/subscribe"), &wish);
    assert_eq!(upstream.sent(), NOTHING);
    sleep(SILENCE + LATE).await;
    let sent = upstream.sent();
    let again = sent.iter().find(|sent| sent["method"] == "resources/subscribe");
    let id = again.expect("the server is asked again")["id"].clone();
    upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    assert_eq!(wish.take(), [json!({"jsonrpc": "2.0", "id": 1, "result": {}})]);
}

#[tokio::test(start_paused = true)]
async fn a_ping_has_a_limit_of_its_own() {
    let upstream = both();
    let (_connection, _sink, _) = begin(&upstream);
    let mut ping = upstream.shared.ping();
    let id = upstream.sent()[0]["id"].clone();
    sleep(2 * TOTAL).await;
    assert!((&mut ping).now_or_never().is_none(), "nobody may take that for the server's end");
    upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    ping.await.expect("a sign of life");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_can_send_nothing_any_more() {
    let upstream = both();
    let (connection, sink) = upstream.client();
    connection.close();
    for method in ["resources/subscribe", "tools/call", "logging/setLevel", "resources/unsubscribe"]
    {
        let params = json!({"uri": "x:a", "level": "debug"});
        call(
            &connection,
            &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
            &sink,
        );
    }
    assert_eq!(upstream.sent(), NOTHING);
    let state = upstream.shared.lock();
    assert!(state.exchanges.is_empty() && state.subscriptions.wanted().is_empty());
    drop(state);
    assert_eq!(sink.take(), NOTHING, "nobody reads it");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_while_it_stops_waiting_is_cancelled() {
    let upstream = both();
    let (connection, sink) = upstream.client();
    let member = upstream.member(0);
    let request = message(&json!({"jsonrpc": "2.0", "id": "c", "method": "tools/call"}));
    let reply = Reply::to(&request, Arc::<Kept>::clone(&sink) as _);
    member
        .hold(reply, std::future::ready(Ok(())), move |member, reply| {
            // As another thread might, just before the call is sent.
            let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                "params": {"requestId": "c"}});
            assert!(connection.send(message(&cancelled), None, None).is_none());
            member.forward(request, reply, None)
        })
        .await;
    assert!(upstream.shared.lock().exchanges.is_empty(), "it runs although it was cancelled");
    assert_eq!(*sink.forgotten.lock().unwrap(), 1);
}
