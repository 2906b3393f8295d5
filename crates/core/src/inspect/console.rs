//! Clients that the page opens itself. Each uses a pair of in-memory streams, like a client on
//! standard input and output.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::{
    io::{AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    sync::mpsc,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{codec::line::LineBuffer, downstream::stdio, relay::Backend, runtime::task};
use tokio::io::AsyncReadExt as _;

/// Most clients at a time. Each occupies one of the six connections that a browser makes.
const MOST: usize = 4;
/// Most messages that may wait to be sent.
const WAITING: usize = 16;
/// Longest message.
const MAX_LINE: usize = 64 * 1024 * 1024;

/// See the module.
pub(super) struct Consoles {
    backend: Arc<dyn Backend>,
    open: Arc<Open>,
    next: AtomicU64,
}

#[derive(Default)]
struct Open(Mutex<HashMap<u64, mpsc::Sender<Bytes>>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a client when the page stops reading from it.
struct Seat {
    open: Arc<Open>,
    id: u64,
    _stop: DropGuard,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.lock().remove(&self.id);
    }
}

struct Output {
    reader: ReadHalf<DuplexStream>,
    lines: LineBuffer,
    seat: Seat,
    begun: bool,
}

impl Consoles {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, open: Arc::default(), next: AtomicU64::new(1) }
    }

    /// Opens a client; returns a line with its number, then the messages for it. `None` if there
    /// are too many.
    pub(super) fn open(&self) -> Option<Body> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, messages) = mpsc::channel(WAITING);
        let mut open = self.open.lock();
        if open.len() >= MOST {
            return None;
        }
        open.insert(id, sender);
        drop(open);
        let (near, far) = duplex(64 * 1024);
        let (reader, writer) = split(near);
        let stop = CancellationToken::new();
        let seat = Seat { open: Arc::clone(&self.open), id, _stop: stop.clone().drop_guard() };
        let backend = Arc::clone(&self.backend);
        task::spawn(async move {
            stdio::serve(backend, MAX_LINE, split(far), stop.cancelled()).await;
        });
        task::spawn(write_all(writer, messages));
        let output = Output { reader, lines: LineBuffer::new(MAX_LINE), seat, begun: false };
        Some(Body::from_stream(stream::unfold(output, async |mut output| {
            let line = output.next().await?;
            Some((Ok::<_, Infallible>(line), output))
        })))
    }

    /// The client with this number.
    pub(super) fn sender(&self, id: u64) -> Option<mpsc::Sender<Bytes>> {
        self.open.lock().get(&id).cloned()
    }
}

impl Output {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            return Some(format!("{{\"console\":{}}}\n", self.seat.id).into());
        }
        loop {
            if let Some(line) = self.lines.next_line().ok()? {
                return Some([&line[..], b"\n"].concat().into());
            }
            if self.reader.read_buf(self.lines.room()).await.ok()? == 0 {
                return None;
            }
        }
    }
}

async fn write_all(mut writer: WriteHalf<DuplexStream>, mut messages: mpsc::Receiver<Bytes>) {
    while let Some(message) = messages.recv().await {
        let line = [&message[..], b"\n"].concat();
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}
