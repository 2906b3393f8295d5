use tokio::time::{Instant, sleep};

use super::*;

const SILENCE: Duration = Duration::from_secs(10);
const TOTAL: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(10);
/// How late a limit may be noticed.
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
