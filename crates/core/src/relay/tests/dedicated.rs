//! A client's own server, played by the test, and a slow reader.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout},
};

use super::*;
use crate::relay::Nursery;

/// Provides the only server.
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

    fn room(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
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

/// A sink whose backlog the test sets.
#[derive(Debug, Default)]
struct SlowReader {
    backlog: AtomicUsize,
    drained: Notify,
}

impl SlowReader {
    fn leave(&self, backlog: usize) {
        self.backlog.store(backlog, Ordering::Relaxed);
        self.drained.notify_waiters();
    }
}

impl Sink for SlowReader {
    fn write(&self, _: Outgoing<'_>) {}

    fn forget(&self) {}

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for SlowReader {
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
    let dedicated =
        Dedicated::new(Arc::new(Shelf(Arc::clone(&source))), limits, true, Keep::Nothing);
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

/// A session after its handshake, whose reader is behind.
async fn behind() -> (Arc<Source>, Arc<dyn Connection>, Arc<SlowReader>) {
    let reader = Arc::<SlowReader>::default();
    let unsolicited: Arc<dyn Sink> = Arc::<SlowReader>::clone(&reader);
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
    assert!(source.client().pause().is_none(), "it was not waited for");
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

/// A request of a client of 2026-07-28.
fn modern(method: &str, params: &Value) -> Value {
    let mut params = params.clone();
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// The connection of one 2026-07-28 request, with a server to itself, and its source.
async fn leased(limits: Limits) -> (Arc<Source>, Arc<dyn Connection>, Dedicated) {
    let source = Arc::<Source>::default();
    let dedicated =
        Dedicated::new(Arc::new(Shelf(Arc::clone(&source))), limits, true, Keep::Everything);
    let client = Client { era: Era::Modern, ..Client::default() };
    let Ok(connection) = dedicated.open(client).await else { panic!("no connection") };
    (source, connection, dedicated)
}

impl Source {
    /// The server that was started is told to end.
    async fn ended(&self) {
        let stopped = self.stopped.lock().unwrap().take().expect("a server");
        let told = timeout(Duration::from_secs(5), stopped).await;
        assert!(told.is_ok(), "nobody ends the server");
    }

    fn lines(&self) -> Vec<Value> {
        self.sent().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_not_given_up_before_its_own_limit() {
    let limit = Duration::from_secs(10);
    let limits = Limits { silence: Some(limit), total: None };
    let (source, connection) = open(None, limits).await;
    call(&connection, &initialize(), &Arc::default());
    let client = source.client();
    tokio::spawn(async move { client.expire_calls().await });
    let ping = source.client().ping();
    tokio::time::sleep(3 * limit).await;
    assert!(ping.now_or_never().is_none(), "nobody may take that for the server's end");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_leaves_during_the_handshake_gives_its_server_back() {
    let (source, connection, dedicated) = leased(Limits::default()).await;
    let request = message(&modern(
        "subscriptions/listen",
        &json!({"notifications": {"toolsListChanged": true}}),
    ));
    let reply = Reply::to(&request, Arc::<Kept>::default());
    let mut listening = connection.send(request, Some(reply), None).expect("it has to wait");
    assert!((&mut listening).now_or_never().is_none());
    assert_eq!(source.lines()[0]["method"], "initialize");
    drop(listening);
    connection.close();
    source.ended().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(dedicated.leased(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_the_handshake_is_ended() {
    for method in ["server/discover", "subscriptions/listen", "tools/call"] {
        let (source, connection, dedicated) = leased(Limits::default()).await;
        let sink = Arc::<Kept>::default();
        let request =
            message(&modern(method, &json!({"notifications": {"toolsListChanged": true}})));
        let reply = Reply::to(&request, Arc::<Kept>::clone(&sink) as _);
        let sending = connection.send(request, Some(reply), None);
        let says = async {
            tokio::task::yield_now().await;
            source.says(&json!({"jsonrpc": "2.0", "id": 0, "error": {"code": 7, "message": "no"}}));
        };
        tokio::join!(
            async {
                if let Some(sending) = sending {
                    sending.await;
                }
            },
            says
        );
        assert_eq!(sink.take()[0]["error"]["message"], "no", "{method}");
        source.ended().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(dedicated.leased(), 0, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_level_of_the_first_call_is_told_before_it() {
    let (source, connection, _dedicated) = leased(Limits::default()).await;
    let meta = json!({"name": "t", "_meta": {"io.modelcontextprotocol/logLevel": "debug"}});
    call(&connection, &modern("tools/call", &meta), &Arc::default());
    assert_eq!(source.lines()[0]["method"], "initialize");
    source.says(&json!({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-11-25",
        "capabilities": {"logging": {}}, "serverInfo": {"name": "s", "version": "1"}}}));
    let sent = source.lines();
    let methods: Vec<_> = sent.iter().map(|sent| sent["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["notifications/initialized", "logging/setLevel", "tools/call"]);
    assert_eq!(sent[1]["params"]["level"], "debug");
}

/// A source that cannot start servers.
#[derive(Debug)]
struct Empty;

impl Nursery for Empty {
    fn reserve(&self) -> Result<Box<dyn Slot>, ErrorBody> {
        Ok(Box::new(Self))
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Slot for Empty {
    fn launch(self: Box<Self>, _: Arc<Private>) -> Result<Launched, Cause> {
        let message = "spawn nowhere: ENOENT".to_owned();
        Err(Cause { message, data: None })
    }
}

#[tokio::test(start_paused = true)]
async fn every_client_is_told_why_there_is_no_server() {
    for method in ["server/discover", "subscriptions/listen", "tools/call", "tools/list"] {
        let dedicated = Dedicated::new(Arc::new(Empty), Limits::default(), true, Keep::Everything);
        let client = Client { era: Era::Modern, ..Client::default() };
        let Ok(connection) = dedicated.open(client).await else { panic!("no connection") };
        let sink = Arc::<Kept>::default();
        let request =
            message(&modern(method, &json!({"notifications": {"toolsListChanged": true}})));
        let reply = Reply::to(&request, Arc::<Kept>::clone(&sink) as _);
        if let Some(sending) = connection.send(request, Some(reply), None) {
            sending.await;
        }
        assert_eq!(sink.take()[0]["error"]["message"], "spawn nowhere: ENOENT", "{method}");
    }
}

/// A sink that asks its connection something while it is written to.
struct Curious(std::sync::OnceLock<Arc<dyn Connection>>);

impl Sink for Curious {
    fn write(&self, _: Outgoing<'_>) {
        assert!(!self.0.get().expect("a connection").is_over());
    }

    fn forget(&self) {
        assert!(!self.0.get().expect("a connection").is_over());
    }
}

#[test]
fn no_reply_is_touched_under_the_lock() {
    let (done, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (source, connection) = open(None, Limits::default()).now_or_never().unwrap();
        let ask = |id: u64, length: usize| {
            let sink = Arc::new(Curious(std::sync::OnceLock::from(Arc::clone(&connection))));
            let request = message(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
                "params": {"name": "t".repeat(length)}}));
            let reply = Reply::to(&request, sink);
            drop(connection.send(request, Some(reply), None));
        };
        let cancel = |id: u64| {
            let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                "params": {"requestId": id}});
            drop(connection.send(message(&cancelled), None, None));
        };
        // During the proxy's handshake: one is cancelled, one exceeds what can be held.
        ask(1, 1);
        cancel(1);
        ask(2, 5 * 1024 * 1024);
        ask(3, 1);
        source.says(&json!({"jsonrpc": "2.0", "id": 0, "result": {}}));
        // Afterwards.
        drop(source.sent());
        ask(4, 1);
        cancel(4);
        done.send(()).unwrap();
    });
    told.recv_timeout(Duration::from_secs(10)).expect("it stands still");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_client_never_answers_a_question_ends() {
    let limit = Duration::from_secs(10);
    let reader = Arc::<SlowReader>::default();
    let limits = Limits { silence: Some(limit), total: None };
    let (source, connection) = open(Some(reader), limits).await;
    call(&connection, &initialize(), &Arc::default());
    source.says(&json!({"jsonrpc": "2.0", "id": 0, "result": {}}));
    let client = source.client();
    tokio::spawn(async move { client.expire_calls().await });
    let sink = Arc::<Kept>::default();
    call(
        &connection,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {}}),
        &sink,
    );
    source.says(&json!({"jsonrpc": "2.0", "id": "q", "method": "roots/list"}));
    assert_eq!(sink.take()[0]["id"], "q");
    tokio::time::sleep(Duration::from_mins(9)).await;
    assert_eq!(sink.take(), NOTHING, "people take their time");
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(sink.take().len(), 1);
}
