//! A recording as a server on standard input and output.
//!
//! A request gets the recorded answer of a call with the same method and parameters. If there are
//! several such calls, their answers are given in order, and the last one again and again. Messages
//! that the client received before the answer come first, with the recorded pauses.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Difference, Ignored, Unreadable, differences,
    script::{Call, Script, Step, What},
    spelling::{with_id, with_token},
};
use crate::{codec::line::LineBuffer, jsonrpc::Code, runtime::task};

/// Longest line from a client.
const MAX_LINE: usize = 256 * 1024 * 1024;
/// Most lines that wait to be written.
const WAITING: usize = 64;
/// How long an answer to a question is waited for.
const PATIENCE: Duration = Duration::from_mins(5);
/// Most calls that are compared to find the nearest one.
const COMPARED: usize = 2000;
/// How long running calls have when the input ends.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// A recording that can be served. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Player(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    script: Script,
    /// Calls by the digest of method and parameters.
    exact: HashMap<u64, Turn>,
    /// Calls by method.
    methods: HashMap<String, Vec<usize>>,
    ignored: Ignored,
    /// Speed-up of the recording; `None` makes no pauses.
    speed: Option<f64>,
    questions: AtomicU64,
}

/// Calls with equal requests, and the one that is next.
#[derive(Debug, Default)]
struct Turn {
    calls: Vec<usize>,
    next: AtomicUsize,
}

impl Turn {
    fn take(&self) -> Option<usize> {
        let last = self.calls.len().checked_sub(1)?;
        let next = self.next.fetch_add(1, Ordering::Relaxed).min(last);
        self.calls.get(next).copied()
    }
}

impl Player {
    /// Reads a recording. Parameters in `ignored` may differ: names, JSON Pointers, dotted paths,
    /// `@timestamp`, `@uuid` and `@number`. A `speed` of 0 makes no pauses.
    pub fn load(file: &Path, ignored: &[String], speed: f64) -> Result<Self, Unreadable> {
        let script = Script::read(file)?;
        if script.missing > 0 {
            tracing::warn!(
                "{} messages of {} are incomplete and cannot be played back",
                script.missing,
                file.display()
            );
        }
        let mut exact: HashMap<u64, Turn> = HashMap::new();
        let mut methods: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, call) in script.calls.iter().enumerate() {
            exact.entry(key(&call.method, &call.params())).or_default().calls.push(index);
            methods.entry(call.method.clone()).or_default().push(index);
        }
        let speed = (speed > 0.0).then_some(speed);
        let (ignored, questions) = (Ignored::new(ignored), AtomicU64::new(1));
        Ok(Self(Arc::new(Inner { script, exact, methods, ignored, speed, questions })))
    }

    /// Serves one client until its input ends or `stop` resolves.
    pub async fn run(
        &self,
        (mut input, output): (impl AsyncRead + Unpin, impl AsyncWrite + Send + Unpin + 'static),
        stop: impl Future<Output = ()>,
    ) {
        let (sender, lines) = mpsc::channel(WAITING);
        let writing = task::spawn(write_all(output, lines));
        let client = Arc::new(Client::new(self.clone(), sender));
        let reading = async {
            let mut buffer = LineBuffer::new(MAX_LINE);
            loop {
                while let Ok(Some(line)) = buffer.next_line() {
                    client.take(&line).await;
                }
                match input.read_buf(buffer.room()).await {
                    Ok(1..) => {}
                    _ => break client.take(&buffer.rest()).await,
                }
            }
            drop(timeout(LAST_CALLS, client.idle()).await);
        };
        tokio::select! {
            () = reading => {}
            () = stop => {}
        }
        client.end();
        drop(client);
        drop(writing.await);
    }
}

/// A recorded call, and how a request differs from it.
type Nearest = (usize, Vec<Difference>);

impl Inner {
    /// The recorded call for a request; if there is none, the nearest one and the differences.
    fn find(&self, method: &str, params: &Value) -> Result<usize, Option<Nearest>> {
        if let Some(index) = self.exact.get(&key(method, params)).and_then(Turn::take) {
            return Ok(index);
        }
        let all = self.methods.get(method).map(Vec::as_slice).unwrap_or_default();
        // Whatever the client and its revision are, the recorded answer is given.
        if matches!(method, "initialize" | "server/discover") {
            return all.first().copied().ok_or(None);
        }
        let params = plain(params);
        let mut nearest: Option<(usize, Vec<Difference>)> = None;
        for &index in all.iter().take(COMPARED) {
            let Some(call) = self.script.calls.get(index) else { continue };
            let recorded = call.params();
            let found = differences(&plain(&recorded), &params, &self.ignored);
            if found.is_empty() {
                let alike = self.exact.get(&key(method, &recorded)).and_then(Turn::take);
                return Ok(alike.unwrap_or(index));
            }
            if nearest.as_ref().is_none_or(|(_, least)| found.len() < least.len()) {
                nearest = Some((index, found));
            }
        }
        Err(nearest)
    }

    fn unknown(&self, method: &str, nearest: Option<(usize, Vec<Difference>)>) -> Value {
        let Some((index, found)) = nearest else {
            let mut methods: Vec<_> = self.methods.keys().map(String::as_str).collect();
            methods.sort_unstable();
            let text =
                format!("the recording contains no {method:?}; it contains {}", methods.join(", "));
            return json!({ "code": Code::MethodNotFound.number(), "message": text });
        };
        let call = self.script.calls.get(index);
        let first = found.first().map(|one| {
            let nothing = || "nothing".to_owned();
            format!(
                ": at {} it has {}, and the request has {}",
                if one.path.is_empty() { "/" } else { &one.path },
                one.recorded.clone().unwrap_or_else(nothing),
                one.actual.clone().unwrap_or_else(nothing)
            )
        });
        let text = format!(
            "the recording contains no {method:?} with these parameters; the nearest one \
             differs{}. --mayDiffer names parameters that may differ",
            first.unwrap_or_default()
        );
        let differing: Vec<_> = found.iter().map(|one| one.path.as_str()).collect();
        json!({
            "code": Code::InvalidParams.number(),
            "message": text,
            "data": { "nearest": call.map(Call::params), "differences": differing },
        })
    }

    fn pause(&self, step: &Step) -> Option<Duration> {
        let nanos = Duration::from_nanos(step.after);
        let pause = nanos.div_f64(self.speed?.max(0.001));
        (pause >= Duration::from_millis(1)).then_some(pause)
    }
}

/// One client, and its calls.
struct Client {
    player: Player,
    output: mpsc::Sender<Vec<u8>>,
    /// Running calls, by their ids.
    playing: Mutex<HashMap<String, JoinHandle<()>>>,
    /// Questions whose answers are waited for.
    asked: Mutex<HashMap<String, oneshot::Sender<()>>>,
    ended: Notify,
}

impl Client {
    fn new(player: Player, output: mpsc::Sender<Vec<u8>>) -> Self {
        let (playing, asked) = (Mutex::default(), Mutex::default());
        Self { player, output, playing, asked, ended: Notify::new() }
    }

    async fn take(self: &Arc<Self>, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        match serde_json::from_slice(line) {
            Ok(Value::Array(all)) => {
                for message in all {
                    self.receive(message).await;
                }
            }
            Ok(message) => self.receive(message).await,
            Err(error) => {
                let text = format!("Parse error: {error}");
                let error = json!({ "code": Code::Parse.number(), "message": text });
                self.write(json!({ "id": null, "error": error })).await;
            }
        }
    }

    async fn receive(self: &Arc<Self>, message: Value) {
        let id = &message["id"];
        match message["method"].as_str() {
            None => {
                let waiting = lock(&self.asked).remove(&id.to_string());
                if waiting.is_none_or(|waiting| waiting.send(()).is_err()) {
                    tracing::debug!("the client answered a question that it was not asked");
                }
            }
            Some("notifications/cancelled") => {
                let id = message["params"]["requestId"].to_string();
                if let Some(playing) = lock(&self.playing).remove(&id) {
                    playing.abort();
                }
            }
            Some(_) if id.is_null() => {}
            Some(method) => self.answer(method, id, &message["params"]).await,
        }
    }

    async fn answer(self: &Arc<Self>, method: &str, id: &Value, params: &Value) {
        let inner = &self.player.0;
        match inner.find(method, params) {
            Ok(index) => self.play(index, id.clone(), &params["_meta"]["progressToken"]),
            Err(None) if method == "ping" => self.write(json!({ "id": id, "result": {} })).await,
            Err(nearest) => {
                let error = inner.unknown(method, nearest);
                self.write(json!({ "id": id, "error": error })).await;
            }
        }
    }

    fn play(self: &Arc<Self>, index: usize, id: Value, token: &Value) {
        let (client, token, key) = (Arc::clone(self), token.clone(), id.to_string());
        let mut playing = lock(&self.playing);
        let done = key.clone();
        let task = task::spawn(async move {
            client.steps(index, &id, &token).await;
            lock(&client.playing).remove(&done);
            client.ended.notify_waiters();
        });
        playing.insert(key, task);
    }

    async fn steps(&self, index: usize, id: &Value, token: &Value) {
        let Some(call) = self.player.0.script.calls.get(index) else { return };
        for step in &call.steps {
            if let Some(pause) = self.player.0.pause(step) {
                sleep(pause).await;
            }
            self.step(call, &step.what, id, token).await;
        }
        if !call.is_answered() {
            let text = "the recording ends before this call was answered";
            let error = json!({ "code": Code::Internal.number(), "message": text });
            self.write(json!({ "id": id, "error": error })).await;
        }
    }

    async fn step(&self, call: &Call, what: &What, id: &Value, token: &Value) {
        match what {
            What::Answer(answer) => self.write_line(with_id(answer, id)).await,
            What::Notification(notification) => {
                if let Some(line) = with_token(notification, &call.token, token) {
                    self.write_line(line).await;
                }
            }
            What::Question(question) => self.ask(question).await,
        }
    }

    async fn ask(&self, question: &str) {
        let number = self.player.0.questions.fetch_add(1, Ordering::Relaxed);
        let id = Value::from(format!("replay-{number}"));
        let (answered, answer) = oneshot::channel();
        lock(&self.asked).insert(id.to_string(), answered);
        self.write_line(with_id(question, &id)).await;
        drop(timeout(PATIENCE, answer).await);
    }

    async fn write(&self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        self.write_line(message.to_string().into_bytes()).await;
    }

    async fn write_line(&self, mut line: Vec<u8>) {
        line.push(b'\n');
        drop(self.output.send(line).await);
    }

    /// Waits until no call is running.
    async fn idle(&self) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if lock(&self.playing).is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn end(&self) {
        for (_, playing) in lock(&self.playing).drain() {
            playing.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The text that calls are compared by: members of an object are sorted by name.
fn key(method: &str, params: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    (method, plain(params).to_string()).hash(&mut hasher);
    hasher.finish()
}

/// Parameters without members that concern only the transport of the call.
pub(super) fn plain(params: &Value) -> Value {
    let mut params = params.clone();
    if let Some(members) = params.as_object_mut() {
        members.remove("_meta");
        if members.is_empty() {
            return Value::Null;
        }
    }
    params
}

async fn write_all(mut output: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if output.write_all(&line).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
