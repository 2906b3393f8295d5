//! The child, and the requests that wait for its lines. Requests carry the number of their slot
//! instead of the client's id and progress token; both are restored in answers.

use std::{
    cell::{Cell, RefCell},
    io,
    ops::Range,
    process::Stdio,
    rc::Rc,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout, Command},
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{body::Parts, splice};

/// Lines below this are copied into one part: cheaper than writing three.
const WHOLE_BELOW: usize = 16 * 1024;
const READ_AT_LEAST: usize = 64 * 1024;
const READ_UP_TO: usize = 1024 * 1024;
const STREAM_QUEUE: usize = 8;

/// Resolves when the child's output ends.
pub(crate) type Closed = JoinHandle<io::Result<()>>;

/// The relay's only child.
pub(crate) struct Child {
    slots: RefCell<Vec<Option<Waiter>>>,
    free: RefCell<Vec<usize>>,
    outgoing: RefCell<Vec<u8>>,
    written: Notify,
    sessions: RefCell<Vec<mpsc::Sender<Bytes>>>,
    /// The slot whose stream has events that are not sent yet.
    unsent: Cell<Option<usize>>,
}

struct Waiter {
    id: Bytes,
    token: Bytes,
    events: Vec<u8>,
    sink: Sink,
}

enum Sink {
    Answer(oneshot::Sender<Parts>),
    Stream(mpsc::Sender<Bytes>),
    Session(usize),
}

impl Child {
    /// Starts the child.
    pub(crate) fn spawn(command: &str, arguments: Vec<String>) -> io::Result<(Rc<Self>, Closed)> {
        let mut process = Command::new(command)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("the child has no pipes"))?;
        let child = Rc::new(Self {
            slots: RefCell::default(),
            free: RefCell::default(),
            outgoing: RefCell::default(),
            written: Notify::new(),
            sessions: RefCell::default(),
            unsent: Cell::new(None),
        });
        tokio::task::spawn_local(Rc::clone(&child).write(stdin));
        let reader = Rc::clone(&child);
        let closed = tokio::task::spawn_local(async move {
            let ended = reader.read(stdout).await;
            drop(process);
            ended
        });
        Ok((child, closed))
    }

    pub(crate) fn open_session(&self, events: mpsc::Sender<Bytes>) -> usize {
        let mut sessions = self.sessions.borrow_mut();
        sessions.push(events);
        sessions.len() - 1
    }

    pub(crate) fn notify(&self, message: &Bytes) {
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.extend_from_slice(message);
        outgoing.push(b'\n');
        self.written.notify_one();
    }

    pub(crate) fn call(&self, message: &Bytes, id: Range<usize>) -> oneshot::Receiver<Parts> {
        let (tx, rx) = oneshot::channel();
        self.send(message, id, Sink::Answer(tx));
        rx
    }

    pub(crate) fn stream(&self, message: &Bytes, id: Range<usize>) -> mpsc::Receiver<Bytes> {
        let (tx, rx) = mpsc::channel(STREAM_QUEUE);
        self.send(message, id, Sink::Stream(tx));
        rx
    }

    pub(crate) fn call_in_session(&self, message: &Bytes, id: Range<usize>, session: usize) {
        self.send(message, id, Sink::Session(session));
    }

    fn send(&self, message: &Bytes, id: Range<usize>, sink: Sink) {
        let token = match &sink {
            Sink::Stream(_) => splice::progress_token(message),
            Sink::Answer(_) | Sink::Session(_) => None,
        };
        let waiter = Waiter {
            id: message.slice(id.clone()),
            token: token.clone().map(|span| message.slice(span)).unwrap_or_default(),
            events: Vec::new(),
            sink,
        };
        let slot = self.occupy(waiter);
        let mut digits = itoa::Buffer::new();
        let number = digits.format(slot).as_bytes();
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.extend_from_slice(&message[..id.start]);
        outgoing.extend_from_slice(number);
        match token {
            Some(token) => {
                outgoing.extend_from_slice(&message[id.end..token.start]);
                outgoing.extend_from_slice(number);
                outgoing.extend_from_slice(&message[token.end..]);
            }
            None => outgoing.extend_from_slice(&message[id.end..]),
        }
        outgoing.push(b'\n');
        self.written.notify_one();
    }

    fn occupy(&self, waiter: Waiter) -> usize {
        let mut slots = self.slots.borrow_mut();
        if let Some(slot) = self.free.borrow_mut().pop() {
            slots[slot] = Some(waiter);
            slot
        } else {
            slots.push(Some(waiter));
            slots.len() - 1
        }
    }

    async fn write(self: Rc<Self>, mut stdin: ChildStdin) -> io::Result<()> {
        let mut lines = Vec::new();
        loop {
            self.written.notified().await;
            std::mem::swap(&mut lines, &mut *self.outgoing.borrow_mut());
            stdin.write_all(&lines).await?;
            lines.clear();
        }
    }

    async fn read(&self, mut stdout: ChildStdout) -> io::Result<()> {
        let mut input = BytesMut::new();
        loop {
            let room = READ_AT_LEAST.max(input.len().min(READ_UP_TO));
            input.reserve(room);
            let scanned = input.len();
            if stdout.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
            let mut from = scanned;
            while let Some(length) = memchr::memchr(b'\n', &input[from..]) {
                let mut line = input.split_to(from + length + 1);
                line.truncate(from + length);
                self.route(line.freeze()).await;
                from = 0;
            }
            self.send_events().await;
        }
    }

    async fn route(&self, line: Bytes) {
        match splice::id(&line) {
            Some(id) => self.reply(line, id).await,
            None => self.progress(&line).await,
        }
    }

    async fn reply(&self, line: Bytes, id: Range<usize>) {
        self.send_events().await;
        let Some(slot) = splice::slot(&line, id.clone()) else { return };
        let waiter = self.slots.borrow_mut().get_mut(slot).and_then(Option::take);
        let Some(waiter) = waiter else { return };
        self.free.borrow_mut().push(slot);
        // If the receiver was dropped, nobody waits for the answer.
        match waiter.sink {
            Sink::Answer(tx) => {
                let _gone = tx.send(parts(&line, id, waiter.id));
            }
            Sink::Stream(tx) => {
                let _gone = tx.send(event(&line, id, &waiter.id)).await;
            }
            Sink::Session(session) => {
                let tx = self.sessions.borrow().get(session).cloned();
                if let Some(tx) = tx {
                    let _gone = tx.send(event(&line, id, &waiter.id)).await;
                }
            }
        }
    }

    async fn progress(&self, line: &Bytes) {
        let Some(token) = splice::progress_token(line) else { return };
        let Some(slot) = splice::slot(line, token.clone()) else { return };
        if self.unsent.get() != Some(slot) {
            self.send_events().await;
        }
        let mut slots = self.slots.borrow_mut();
        let Some(Some(waiter)) = slots.get_mut(slot) else { return };
        push_event(&mut waiter.events, line, token, &waiter.token);
        self.unsent.set(Some(slot));
    }

    /// Sends the events that were collected for one stream since the last read.
    async fn send_events(&self) {
        let Some(slot) = self.unsent.take() else { return };
        let ready = match self.slots.borrow_mut().get_mut(slot) {
            Some(Some(Waiter { sink: Sink::Stream(tx), events, .. })) => {
                Some((tx.clone(), Bytes::from(std::mem::take(events))))
            }
            _ => None,
        };
        if let Some((tx, events)) = ready {
            let _gone = tx.send(events).await;
        }
    }
}

fn parts(line: &Bytes, id: Range<usize>, original: Bytes) -> Parts {
    if line.len() >= WHOLE_BELOW {
        return [line.slice(..id.start), original, line.slice(id.end..)];
    }
    let mut whole = Vec::with_capacity(line.len() + original.len());
    whole.extend_from_slice(&line[..id.start]);
    whole.extend_from_slice(&original);
    whole.extend_from_slice(&line[id.end..]);
    [whole.into(), Bytes::new(), Bytes::new()]
}

fn event(line: &Bytes, span: Range<usize>, original: &[u8]) -> Bytes {
    let mut whole = Vec::with_capacity(line.len() + original.len() + 16);
    push_event(&mut whole, line, span, original);
    whole.into()
}

fn push_event(events: &mut Vec<u8>, line: &Bytes, span: Range<usize>, original: &[u8]) {
    events.extend_from_slice(b"event: message\ndata: ");
    events.extend_from_slice(&line[..span.start]);
    events.extend_from_slice(original);
    events.extend_from_slice(&line[span.end..]);
    events.extend_from_slice(b"\n\n");
}
