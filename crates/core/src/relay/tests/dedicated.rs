//! A server of a client's own, played by the test, and a reader that is slow.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout},
};

use super::*;
use crate::relay::Nursery;

/// Where the one server comes from.
#[derive(Debug, Default)]
struct Source {
    started: Mutex<Option<Arc<Private>>>,
    stopped: Mutex<Option<oneshot::Receiver<()>>>,
    outbox: Arc<Outbox>,
}

#[derive(Debug)]
struct Shelf(Arc<Source>);

impl Nursery for Shelf {
    fn reserve(&self) -> Result<Box<dyn Slot>, ErrorBody> {
        Ok(Box::new(Item(Arc::clone(&self.0))))
    }
}

struct Item(Arc<Source>);

impl Slot for Item {
    fn launch(self: Box<Self>, client: Arc<Private>) -> Result<Launched, Cause> {
        let (stop, stopped) = oneshot::channel();
        *self.0.started.lock().unwrap() = Some(client);
        *self.0.stopped.lock().unwrap() = Some(stopped);
        Ok(Launched { outbox: Arc::clone(&self.0.outbox), stop })
    }
}

impl Source {
    /// The client whose server was started.
    fn client(&self) -> Arc<Private> {
        Arc::clone(self.started.lock().unwrap().as_ref().expect("a server"))
    }

    /// The server writes this.
    fn says(&self, value: &Value) {
        self.client().receive(&message(value));
    }

    fn sent(&self) -> String {
        let batch = self.outbox.next().now_or_never().flatten().unwrap_or_default().concat();
        String::from_utf8(batch).unwrap()
    }
}

/// A sink with a backlog of the test's choice.
#[derive(Debug, Default)]
struct Reader {
    backlog: AtomicUsize,
    drained: Notify,
}

impl Reader {
    fn leave(&self, backlog: usize) {
        self.backlog.store(backlog, Ordering::Relaxed);
        self.drained.notify_waiters();
    }
}

impl Sink for Reader {
    fn write(&self, _: Outgoing<'_>) {}

    fn forget(&self) {}

    fn is_heard(&self) -> bool {
        true
    }

    fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    fn drained(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.drained.notified())
    }
}

async fn open(
    unsolicited: Option<Arc<dyn Sink>>,
    limits: Limits,
) -> (Arc<Source>, Arc<dyn Connection>) {
    let source = Arc::<Source>::default();
    let dedicated = Dedicated::new(Arc::new(Shelf(Arc::clone(&source))), limits, true, false);
    let client = Client { unsolicited, ..Client::default() };
    let Ok(connection) = dedicated.open(client).await else { panic!("no connection") };
    (source, connection)
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": {}})
}

fn noise() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
}

/// A session whose handshake is done and whose reader is behind.
async fn behind() -> (Arc<Source>, Arc<dyn Connection>, Arc<Reader>) {
    let reader = Arc::<Reader>::default();
    let unsolicited: Arc<dyn Sink> = Arc::<Reader>::clone(&reader);
    let (source, connection) = open(Some(unsolicited), Limits::default()).await;
    call(&connection, &initialize(), &Arc::default());
    source.says(&json!({"jsonrpc": "2.0", "id": 0, "result": {}}));
    source.says(&noise());
    assert!(source.client().pause().is_none(), "nothing waits yet");
    reader.leave(2 * PAUSE_ABOVE);
    source.says(&noise());
    (source, connection, reader)
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_waited_for_only_so_long() {
    let (source, _connection, reader) = behind().await;
    let started = Instant::now();
    source.client().pause().expect("a pause").await;
    assert_eq!(started.elapsed(), Duration::from_secs(30));
    source.says(&noise());
    assert!(source.client().pause().is_none(), "it was waited for in vain");
    reader.leave(0);
    source.says(&noise());
    reader.leave(2 * PAUSE_ABOVE);
    source.says(&noise());
    assert!(source.client().pause().is_some(), "it has caught up once");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_something_has_more_time_and_in_the_end_frees_the_server() {
    let (source, _connection, reader) = behind().await;
    let client = source.client();
    let mut pause = client.pause().expect("a pause");
    for left in [PAUSE_ABOVE, PAUSE_ABOVE / 2] {
        assert!(timeout(Duration::from_secs(29), &mut pause).await.is_err());
        reader.leave(left);
    }
    assert!(timeout(Duration::from_secs(29), &mut pause).await.is_err());
    reader.leave(RESUME_BELOW);
    assert!(pause.now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_answered_elsewhere_is_not_kept_waiting() {
    let (source, connection, _reader) = behind().await;
    let client = source.client();
    let mut pause = client.pause().expect("a pause");
    assert!((&mut pause).now_or_never().is_none());
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    call(&connection, &request, &Arc::default());
    assert!(pause.now_or_never().is_some());
    source.says(&noise());
    let pause = client.pause();
    assert!(pause.is_none_or(|pause| pause.now_or_never().is_some()));
}

#[tokio::test]
async fn a_request_that_waits_for_the_handshake_can_be_cancelled() {
    let (source, connection) = open(None, Limits::default()).await;
    let (first, second) = (Arc::<Kept>::default(), Arc::<Kept>::default());
    for (id, sink) in [(1, &first), (2, &second)] {
        call(&connection, &json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"}), sink);
    }
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1},
    });
    assert!(connection.send(message(&cancel), None, None).is_none());
    assert_eq!(*first.forgotten.lock().unwrap(), 1);
    assert!(source.sent().contains(r#""method":"initialize""#));
    source.says(&json!({"jsonrpc": "2.0", "id": 0, "result": {}}));
    let sent = source.sent();
    assert_eq!(sent.matches("tools/list").count(), 1, "{sent}");
    assert!(!sent.contains("cancelled"), "{sent}");
    assert_eq!(second.take(), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn an_idle_server_is_given_up_and_its_end_is_not_the_end_of_its_successor() {
    let unsolicited: Arc<dyn Sink> = Arc::<Kept>::default();
    let (source, connection) = open(Some(unsolicited), Limits::default()).await;
    let sink = Arc::<Kept>::default();
    call(&connection, &initialize(), &sink);
    let client = source.client();
    let limit = Duration::from_secs(5);
    let rest = client.rest(Some(limit));
    tokio::pin!(rest);
    assert!(timeout(2 * limit, &mut rest).await.is_err(), "a call is under way");
    source.says(&json!({"jsonrpc": "2.0", "id": 0, "result": {}}));
    let started = Instant::now();
    rest.await;
    assert!(started.elapsed() <= 2 * limit);
    let stopped = source.stopped.lock().unwrap().take().expect("it was started");
    assert!(stopped.await.is_err(), "its handle was dropped");
    call(&connection, &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}), &sink);
    let cause = Cause { message: "it has rested".to_owned(), data: None };
    client.ended(&Arc::default(), &cause);
    assert_eq!(sink.take().len(), 1, "only the handshake was answered");
    client.ended(&source.outbox, &cause);
    assert_eq!(sink.take()[0]["error"]["message"], "it has rested");
}
