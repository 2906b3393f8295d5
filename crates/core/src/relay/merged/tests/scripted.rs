//! Scripted servers, and a client that reads everything it is sent.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, ready};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::super::{Guarded, Merged, Seal, server};
use crate::{
    config::Rules,
    era::Era,
    host::Caller,
    jsonrpc::{Assembly, Code, ErrorBody, Kind, Message},
    relay::{
        Backend, Client as Opening, Connection, Departure, OpenError, Outgoing, Reader, Reply, Sink,
    },
};

/// Entries of one of its pages.
const PAGE: usize = 7;

pub(super) fn message(value: &Value) -> Message {
    Message::parse(value.to_string().into()).unwrap()
}

pub(super) fn call(name: &str) -> Value {
    json!({"name": name, "arguments": {"name": "s0__tool0"}})
}

pub(super) fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {"sampling": {}},
        "clientInfo": {"name": "test", "version": "1"}}})
}

/// What names the entries of a list.
pub(super) fn names(result: &Value, key: &str) -> Vec<String> {
    let list = result[key].as_array().unwrap();
    list.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

/// A server, and everything that happened to it.
pub(super) struct Server {
    name: String,
    lazy: bool,
    tools: Mutex<Vec<String>>,
    uris: Vec<String>,
    templates: Vec<String>,
    hangs: AtomicBool,
    refuses: AtomicBool,
    connections: AtomicUsize,
    heard: Mutex<Vec<Value>>,
    /// Messages that wait, with the number of their connection.
    held: Mutex<Vec<(usize, Message, Reply)>>,
    opened: AtomicUsize,
    listening: Mutex<Vec<Reply>>,
    clients: Mutex<Vec<Arc<dyn Sink>>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Server {
    pub(super) fn with_tools(name: &str, tools: impl Iterator<Item = String>) -> Self {
        Self {
            name: name.to_owned(),
            lazy: false,
            tools: Mutex::new(tools.collect()),
            uris: Vec::new(),
            templates: Vec::new(),
            hangs: AtomicBool::default(),
            refuses: AtomicBool::default(),
            connections: AtomicUsize::default(),
            heard: Mutex::default(),
            held: Mutex::default(),
            opened: AtomicUsize::default(),
            listening: Mutex::default(),
            clients: Mutex::default(),
        }
    }

    pub(super) fn new(name: &str, tools: usize) -> Self {
        Self::with_tools(name, (0..tools).map(|tool| format!("tool{tool}")))
    }

    pub(super) fn lazy(name: &str, tools: usize) -> Self {
        Self { lazy: true, ..Self::new(name, tools) }
    }

    pub(super) fn resources<const URIS: usize, const TEMPLATES: usize>(
        self,
        uris: [&str; URIS],
        templates: [&str; TEMPLATES],
    ) -> Self {
        let owned = |text: &&str| (*text).to_owned();
        let uris = uris.iter().map(owned).collect();
        Self { uris, templates: templates.iter().map(owned).collect(), ..self }
    }

    /// It stops answering.
    pub(super) fn hang(&self) {
        self.hangs.store(true, Ordering::Relaxed);
    }

    /// It answers what it got meanwhile, and continues.
    pub(super) fn wake(&self) {
        self.hangs.store(false, Ordering::Relaxed);
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        for (_, request, reply) in held {
            self.answer(&request, reply);
        }
    }

    /// It ends; what it got meanwhile is answered with errors.
    pub(super) fn die(&self) {
        self.hangs.store(false, Ordering::Relaxed);
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        for (_, _, reply) in held {
            reply.error(&ErrorBody::new(Code::Internal, "it has died"));
        }
    }

    /// It has other tools, and reports that.
    pub(super) fn offer(&self, tools: usize) {
        *self.tools.lock().unwrap() = (0..tools).map(|tool| format!("tool{tool}")).collect();
        self.says(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    }

    /// The merged names of its tools.
    pub(super) fn offered(&self) -> Vec<String> {
        let tools = self.tools.lock().unwrap();
        tools.iter().map(|tool| format!("{}__{tool}", self.name)).collect()
    }

    /// Whether it refuses connections.
    pub(super) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Relaxed);
    }

    /// It sends this to every client.
    pub(super) fn says(&self, value: &Value) {
        let message = message(value);
        for client in &*self.clients.lock().unwrap() {
            client.write(Outgoing::of(&message, &[], false));
        }
    }

    /// It ends its streams of changes.
    pub(super) fn ends_listening(&self) {
        let listening = std::mem::take(&mut *self.listening.lock().unwrap());
        for reply in listening {
            reply.result(br#"{"resultType":"complete"}"#);
        }
    }

    /// It notifies its listeners.
    pub(super) fn tells(&self, value: &Value) {
        let message = message(value);
        for reply in &*self.listening.lock().unwrap() {
            reply.related(&message, None);
        }
    }

    /// What it has received so far.
    pub(super) fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }

    pub(super) fn heard_of(&self, method: &str) -> Vec<Value> {
        self.heard().into_iter().filter(|message| message["method"] == method).collect()
    }

    pub(super) fn open_connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn page(key: &str, all: &[String], named_by: &str, params: &Value) -> Value {
        let from = params["cursor"].as_str().map_or(0, |at| at.parse().unwrap());
        let list = all.iter().skip(from).take(PAGE);
        let list: Vec<_> = list.map(|one| json!({named_by: one, "name": one})).collect();
        let next = (from + PAGE < all.len()).then(|| (from + PAGE).to_string());
        let mut result = json!({key: list, "ttlMs": 9, "cacheScope": "public"});
        if let Some(next) = next {
            result["nextCursor"] = next.into();
        }
        result
    }

    fn answer(&self, request: &Message, reply: Reply) {
        let value: Value = serde_json::from_slice(request.bytes()).unwrap();
        let params = &value["params"];
        let all =
            json!({"tools": {}, "prompts": {}, "resources": {"subscribe": true}, "logging": {}});
        let named = [
            &params["name"],
            &params["uri"],
            &params["ref"]["name"],
            &params["ref"]["uri"],
            &params["taskId"],
        ];
        let named = named.into_iter().find(|named| !named.is_null()).cloned();
        let result = match value["method"].as_str().unwrap() {
            "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": all,
                "serverInfo": {"name": self.name, "version": "1"}}),
            "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": all}),
            "tools/list" => Self::page("tools", &self.tools.lock().unwrap(), "name", params),
            "prompts/list" => Self::page("prompts", &[], "name", params),
            "resources/list" => Self::page("resources", &self.uris, "uri", params),
            "resources/templates/list" => {
                Self::page("resourceTemplates", &self.templates, "uriTemplate", params)
            }
            "skills/list" | "tasks/list" => {
                return reply.error(&ErrorBody::new(Code::MethodNotFound, "Method not found"));
            }
            "subscriptions/listen" => return self.listen(&value, reply),
            "tools/call" if params.get("task").is_some() => json!({"task": {"taskId": "t1"}}),
            "tools/call" if params.get("ask").is_some() => json!({"resultType": "input_required",
                "requestState": "mine", "inputRequests": {}}),
            "tasks/get" => json!({"by": [self.name, named], "taskId": params["taskId"]}),
            _ => json!({"by": [self.name, named], "state": params["requestState"]}),
        };
        let text = json!({"jsonrpc": "2.0", "id": value["id"], "result": result});
        reply.response(&message(&text));
    }

    fn listen(&self, request: &Value, reply: Reply) {
        let filter = &request["params"]["notifications"];
        let text = json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": {"notifications": filter,
                "_meta": {"io.modelcontextprotocol/subscriptionId": request["id"]}}});
        reply.related(&message(&text), None);
        self.listening.lock().unwrap().push(reply);
    }
}

#[derive(Debug)]
struct Scripted(Arc<Server>);

impl Backend for Scripted {
    fn open(&self, client: Opening) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        if self.0.refuses.load(Ordering::Relaxed) {
            let error = ErrorBody::new(Code::Internal, "it is down");
            return Box::pin(ready(Err(error.into())));
        }
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        self.0.clients.lock().unwrap().extend(client.unsolicited);
        let number = self.0.opened.fetch_add(1, Ordering::Relaxed);
        let line = Line { server: Arc::clone(&self.0), number, open: AtomicBool::new(true) };
        let connection: Arc<dyn Connection> = Arc::new(line);
        Box::pin(ready(Ok(connection)))
    }
}

#[derive(Debug)]
struct Line {
    server: Arc<Server>,
    number: usize,
    open: AtomicBool,
}

impl Connection for Line {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        assert!(self.open.load(Ordering::Relaxed), "it was closed before");
        let value: Value = serde_json::from_slice(message.bytes()).unwrap();
        let mut held = self.server.held.lock().unwrap();
        if value["method"] == "notifications/cancelled" {
            let id = value["params"]["requestId"].to_string();
            let named = |(number, _, reply): &mut (usize, Message, Reply)| {
                *number == self.number && reply.id() == id.as_bytes()
            };
            held.extract_if(.., named).for_each(|(_, _, reply)| reply.forget());
        }
        self.server.heard.lock().unwrap().push(value);
        let reply = reply?;
        if self.server.hangs.load(Ordering::Relaxed) {
            held.push((self.number, message, reply));
            return None;
        }
        drop(held);
        self.server.answer(&message, reply);
        None
    }

    fn depart(&self, _: Departure) {
        if self.open.swap(false, Ordering::Relaxed) {
            self.server.connections.fetch_sub(1, Ordering::Relaxed);
            let mut held = self.server.held.lock().unwrap();
            let own = |(number, ..): &mut (usize, Message, Reply)| *number == self.number;
            let own: Vec<_> = held.extract_if(.., own).collect();
            drop(held);
            for (_, _, reply) in own {
                reply.forget();
            }
        }
    }
}

/// An endpoint over servers.
pub(super) struct Endpoint {
    pub(super) merged: Arc<Merged>,
    servers: Vec<(Arc<Server>, Arc<server::Server>)>,
}

impl Endpoint {
    pub(super) fn new(servers: impl IntoIterator<Item = Server>) -> Self {
        let servers = servers.into_iter().map(|scripted| {
            let scripted = Arc::new(scripted);
            let backend = Arc::new(Scripted(Arc::clone(&scripted)));
            let name = scripted.name.clone();
            let server = server::Server::new(name, backend, scripted.lazy);
            (scripted, server)
        });
        let servers: Vec<_> = servers.collect();
        let merged = servers.iter().map(|(_, server)| Arc::clone(server)).collect();
        let seal = Arc::new(Seal::random().unwrap());
        Self { merged: Merged::new("/mcp".to_owned(), merged, seal), servers }
    }

    /// An endpoint over one server behind rules.
    pub(super) fn guarded(server: Server, rules: &Rules) -> (Self, Arc<Guarded>) {
        let scripted = Arc::new(server);
        let guarded = Guarded::new(Arc::new(Scripted(Arc::clone(&scripted))), rules);
        let backend: Arc<dyn Backend> = Arc::<Guarded>::clone(&guarded);
        let server = server::Server::new(scripted.name.clone(), backend, false);
        let seal = Arc::new(Seal::random().unwrap());
        let merged = Merged::new("/mcp".to_owned(), vec![Arc::clone(&server)], seal);
        (Self { merged, servers: vec![(scripted, server)] }, guarded)
    }

    pub(super) fn server(&self, name: &str) -> &Arc<Server> {
        &self.servers.iter().find(|(server, _)| server.name == name).unwrap().0
    }

    /// Serves only these from now on.
    pub(super) fn keep(&self, names: &[&str]) {
        let kept = self.servers.iter().filter(|(server, _)| names.contains(&server.name.as_str()));
        self.merged.exchange(kept.map(|(_, server)| Arc::clone(server)).collect());
    }

    /// Replaces this server.
    pub(super) fn renew(&self, name: &str) {
        let named = self.servers.iter().find(|(server, _)| server.name.as_str() == name);
        let (_, server) = named.expect("a server of this name");
        server.renew(false);
    }

    /// Ends the time of this server's calls.
    pub(super) fn forget(&self, name: &str) {
        let named = self.servers.iter().find(|(server, _)| server.name.as_str() == name);
        let (_, server) = named.expect("a server of this name");
        self.merged.forget(server);
    }

    /// A client of the older era.
    pub(super) async fn client(&self) -> Client {
        let channel = Arc::<Inbox>::default();
        let unsolicited: Arc<dyn Sink> = Arc::<Inbox>::clone(&channel);
        let opening = Opening { unsolicited: Some(unsolicited), ..Opening::default() };
        let Ok(connection) = self.merged.open(opening).await else { panic!("no connection") };
        Client { connection, channel, replies: Arc::default(), next: 0 }
    }

    /// Sends one request of the newer era; what is written comes into the inbox.
    pub(super) async fn modern(
        &self,
        method: &str,
        mut params: Value,
    ) -> (Arc<dyn Connection>, Arc<Inbox>) {
        params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}});
        let request =
            message(&json!({"jsonrpc": "2.0", "id": "m", "method": method, "params": params}));
        let opening =
            Opening { era: Era::Modern, request: Some(request.clone()), ..Opening::default() };
        let Ok(connection) = self.merged.open(opening).await else { panic!("no connection") };
        let inbox = Arc::<Inbox>::default();
        let reply = Reply::to(&request, Arc::<Inbox>::clone(&inbox));
        if let Some(sending) = connection.send(request, Some(reply), None) {
            sending.await;
        }
        (connection, inbox)
    }

    /// The result of such a request.
    pub(super) async fn result(&self, method: &str, params: Value) -> Value {
        let (connection, inbox) = self.modern(method, params).await;
        let answer = inbox.next(|message| message.get("id").is_some()).await;
        connection.close();
        answer.get("result").cloned().unwrap_or_else(|| answer["error"].clone())
    }
}

/// What a client reads.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: Mutex<VecDeque<Value>>,
    forgotten: AtomicUsize,
    more: Notify,
}

impl Sink for Inbox {
    fn write(&self, outgoing: Outgoing<'_>) {
        let Outgoing { source, edits, .. } = outgoing;
        let bytes = Assembly { before: b"", source, edits, behind: b"" }.frame().runs().concat();
        let value = serde_json::from_slice(&bytes).expect("JSON");
        self.messages.lock().unwrap().push_back(value);
        self.more.notify_waiters();
    }

    fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        self.more.notify_waiters();
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for Inbox {
    fn is_heard(&self) -> bool {
        true
    }
}

impl Inbox {
    /// The first message that matches; those before it stay.
    pub(super) async fn next(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let more = self.more.notified();
                if let Some(message) = self.take(&wanted) {
                    return message;
                }
                more.await;
            }
        };
        let answer = tokio::time::timeout(Duration::from_mins(5), waiting).await;
        answer.unwrap_or_else(|_| panic!("not among {:?}", self.messages.lock().unwrap()))
    }

    fn take(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let mut messages = self.messages.lock().unwrap();
        let place = messages.iter().position(wanted)?;
        messages.remove(place)
    }
}

/// A client of the older era.
pub(super) struct Client {
    connection: Arc<dyn Connection>,
    channel: Arc<Inbox>,
    replies: Arc<Inbox>,
    next: u64,
}

impl Client {
    /// Makes the handshake; returns the server's answer.
    pub(super) async fn initialize(&mut self) -> Value {
        self.send(&initialize());
        let result = self.answer(&json!("i")).await["result"].clone();
        self.says(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        result
    }

    /// Sends a request; returns its id.
    #[expect(clippy::needless_pass_by_value, reason = "calls are written where they are made")]
    pub(super) fn sends(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = json!(format!("c{}", self.next));
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    fn send(&self, request: &Value) {
        let request = message(request);
        assert_eq!(request.kind(), Kind::Request);
        let reply = Reply::to(&request, Arc::<Inbox>::clone(&self.replies));
        if let Some(sending) = self.connection.send(request, Some(reply), None) {
            tokio::spawn(sending);
        }
    }

    /// Sends a message that is not a request.
    #[expect(clippy::needless_pass_by_value, reason = "as for requests")]
    pub(super) fn says(&self, value: Value) {
        let sending = self.connection.send(message(&value), None, None);
        assert!(sending.is_none(), "it was taken at once");
    }

    pub(super) async fn answer(&self, id: &Value) -> Value {
        self.replies.next(|message| message["id"] == *id).await
    }

    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.sends(method, params);
        let answer = self.answer(&id).await;
        answer.get("result").cloned().unwrap_or_else(|| panic!("{method}: {answer}"))
    }

    pub(super) async fn fail(&mut self, method: &str, params: Value) -> Value {
        let id = self.sends(method, params);
        let answer = self.answer(&id).await;
        answer.get("error").cloned().unwrap_or_else(|| panic!("{method}: {answer}"))
    }

    /// Messages that came unasked.
    pub(super) async fn hears(&self, method: &str) -> Value {
        self.channel.next(|message| message["method"] == method).await
    }

    /// Requests get no answer any more.
    pub(super) async fn is_forgotten(&self, id: &Value) {
        while self.replies.forgotten.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let answers = self.replies.messages.lock().unwrap();
        assert!(!answers.iter().any(|answer| answer["id"] == *id), "{answers:?}");
    }

    pub(super) fn leave(&self) {
        self.connection.close();
    }
}
