use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::Replaceable;
use crate::{
    host::Caller,
    jsonrpc::Message,
    relay::{
        Answer, Backend, Client, Connection, Departure, OpenError, Outgoing, Reply, Sink, reply_to,
    },
};

/// A server that answers everything except for `hold` at once, and records what it receives.
#[derive(Debug, Default)]
struct Scripted {
    heard: Mutex<Vec<String>>,
    held: Mutex<Vec<Reply>>,
    closed: Mutex<usize>,
}

#[derive(Debug)]
struct Open(Arc<Scripted>);

impl Backend for Arc<Scripted> {
    fn open(&self, _: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        ready(Ok(Arc::new(Open(Self::clone(self))) as _)).boxed()
    }
}

impl Connection for Open {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let method = message.method().into_owned();
        match reply {
            Some(reply) if method == "hold" => self.0.held.lock().unwrap().push(reply),
            Some(reply) => reply.result(b"{}"),
            None => {}
        }
        self.0.heard.lock().unwrap().push(method);
        None
    }

    fn depart(&self, _: Departure) {
        *self.0.closed.lock().unwrap() += 1;
    }
}

impl Scripted {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// A client's stream, which keeps what it is sent.
#[derive(Default)]
struct Stream(Mutex<Vec<String>>);

impl Sink for Stream {
    fn write(&self, outgoing: Outgoing<'_>) {
        self.0.lock().unwrap().push(String::from_utf8(outgoing.source.to_vec()).unwrap());
    }

    fn forget(&self) {}
}

struct World {
    whole: Arc<Replaceable>,
    first: Arc<Scripted>,
    stream: Arc<Stream>,
}

impl World {
    fn new() -> Self {
        let first = Arc::<Scripted>::default();
        let whole = Replaceable::new(Arc::new(Arc::clone(&first)));
        Self { whole, first, stream: Arc::default() }
    }

    /// A session after its handshake, with a subscription if wanted.
    async fn session(&self, subscribes: bool) -> Arc<dyn Connection> {
        let unsolicited = Some(Arc::clone(&self.stream) as Arc<dyn Sink>);
        let client = Client { unsolicited, ..Client::default() };
        let session = self.whole.open(client).await.unwrap();
        ask(&session, "initialize", "").await;
        tell(&session, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        if subscribes {
            ask(&session, "resources/subscribe", r#""uri":"x:y""#).await;
        }
        self.first.heard();
        session
    }

    /// Replaces the first server.
    fn replace(&self) -> (Arc<Scripted>, super::Leaving) {
        let other = Arc::<Scripted>::default();
        let leaving = self.whole.replace(Arc::new(Arc::clone(&other)));
        (other, leaving)
    }
}

fn begin(
    session: &Arc<dyn Connection>,
    method: &str,
    params: &str,
) -> tokio::sync::oneshot::Receiver<Answer> {
    let text = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{params}}}}}"#);
    let request = Message::parse(text.into()).unwrap();
    let (told, answer) = tokio::sync::oneshot::channel();
    let reply = reply_to(&request, move |answer| drop(told.send(answer)));
    assert!(session.send(request, Some(reply), None).is_none());
    answer
}

async fn ask(session: &Arc<dyn Connection>, method: &str, params: &str) -> Answer {
    begin(session, method, params).await.unwrap()
}

fn tell(session: &Arc<dyn Connection>, text: &str) {
    assert!(session.send(Message::parse(text.to_owned().into()).unwrap(), None, None).is_none());
}

#[tokio::test]
async fn a_session_settles_with_the_next_server_what_it_had_settled() {
    let world = World::new();
    let session = world.session(false).await;
    ask(&session, "logging/setLevel", r#""level":"debug""#).await;
    let (other, leaving) = world.replace();
    assert!(other.heard().is_empty(), "nobody needs it yet");
    assert!(ask(&session, "tools/list", "").await.is_result());
    assert_eq!(
        other.heard(),
        ["initialize", "notifications/initialized", "logging/setLevel", "tools/list"]
    );
    assert!(leaving.answered(Duration::ZERO).await);
    leaving.close();
    assert_eq!(*world.first.closed.lock().unwrap(), 1);
    session.close();
    assert_eq!(*other.closed.lock().unwrap(), 1);
}

#[tokio::test]
async fn who_hears_of_resources_hears_of_those_of_the_next_server() {
    let world = World::new();
    let session = world.session(true).await;
    let (other, _leaving) = world.replace();
    while !other.heard.lock().unwrap().iter().any(|it| it == "resources/subscribe") {
        tokio::task::yield_now().await;
    }
    drop(session);
}

#[tokio::test]
async fn a_call_stays_with_its_server_and_so_does_what_belongs_to_it() {
    let world = World::new();
    let session = world.session(false).await;
    let call = begin(&session, "hold", "");
    let (other, leaving) = world.replace();
    let cancellation =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}"#;
    tell(&session, cancellation);
    tell(&session, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert_eq!(world.first.heard(), ["hold", "notifications/cancelled", ""]);
    assert!(!leaving.answered(Duration::from_millis(1)).await);
    assert!(ask(&session, "tools/list", "").await.is_result());
    assert!(other.heard().ends_with(&["tools/list".to_owned()]));
    let reply = world.first.held.lock().unwrap().pop().unwrap();
    reply.result(b"{}");
    assert!(call.await.unwrap().is_result());
    assert!(leaving.answered(Duration::from_mins(1)).await);
    leaving.close();
    tell(&session, cancellation);
    assert_eq!(other.heard(), ["notifications/cancelled"]);
}

#[tokio::test]
async fn clients_are_told_once_they_have_shaken_hands() {
    let world = World::new();
    let session = world.session(false).await;
    world.whole.tell_changes();
    let told = world.stream.0.lock().unwrap().join("\n");
    assert!(told.contains("notifications/tools/list_changed"), "{told}");
    drop(session);
}

#[tokio::test]
async fn a_single_request_is_waited_for_until_it_is_closed() {
    let world = World::new();
    let connection = world.whole.open(Client::default()).await.unwrap();
    let (_, leaving) = world.replace();
    assert!(!leaving.answered(Duration::from_millis(1)).await);
    connection.close();
    drop(connection);
    assert!(leaving.answered(Duration::from_mins(1)).await);
}
