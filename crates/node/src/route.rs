//! Byte streams between the front and the sockets on which JavaScript serves custom routes.
//!
//! Each side slows the other one down: JavaScript gets one piece at a time and requests the next
//! one; its own bytes are taken up to a limit, and it is told when there is room again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split},
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use crate::event::{Event, Kind};

/// Largest piece given to JavaScript.
const PIECE: usize = 64 * 1024;
/// Most pieces that are taken from JavaScript before it must wait; then it has at most one on its
/// way.
const WINDOW: usize = 4;

/// Notifies JavaScript.
pub(crate) type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// The connections that are open.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<HashMap<u32, Route>>);

#[derive(Debug)]
struct Route {
    /// Wakes the reader when JavaScript wants more.
    wanted: Arc<Notify>,
    /// `None` once JavaScript has closed its side.
    written: Option<mpsc::Sender<Vec<u8>>>,
    pumps: [JoinHandle<()>; 2],
}

impl Drop for Route {
    fn drop(&mut self) {
        for pump in &self.pumps {
            pump.abort();
        }
    }
}

impl Routes {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Route>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries bytes until [`Self::close`].
    pub(crate) fn open(&self, tell: &Tell, id: u32, connection: DuplexStream) {
        let (reader, writer) = split(connection);
        let wanted = Arc::new(Notify::new());
        let (written, pieces) = mpsc::channel(WINDOW);
        let incoming = tokio::spawn(read(Arc::clone(tell), id, reader, Arc::clone(&wanted)));
        let outgoing = tokio::spawn(write(Arc::clone(tell), id, writer, pieces));
        let route = Route { wanted, written: Some(written), pumps: [incoming, outgoing] };
        self.lock().insert(id, route);
    }

    /// JavaScript wants the next piece.
    pub(crate) fn want(&self, id: u32) {
        if let Some(route) = self.lock().get(&id) {
            route.wanted.notify_one();
        }
    }

    /// Takes a piece from JavaScript, which is told when it may send the next one.
    pub(crate) fn write(&self, id: u32, bytes: Vec<u8>) -> bool {
        let written = self.lock().get(&id).and_then(|route| route.written.clone());
        written.is_some_and(|written| written.try_send(bytes).is_ok())
    }

    /// JavaScript has closed its side; what it wrote is still sent.
    pub(crate) fn end(&self, id: u32) {
        if let Some(route) = self.lock().get_mut(&id) {
            route.written = None;
        }
    }

    /// The request has ended.
    pub(crate) fn close(&self, id: u32) {
        let route = self.lock().remove(&id);
        drop(route);
    }
}

async fn read(tell: Tell, id: u32, mut reader: ReadHalf<DuplexStream>, wanted: Arc<Notify>) {
    let mut piece = vec![0; PIECE];
    loop {
        wanted.notified().await;
        match reader.read(&mut piece).await {
            Ok(length) if length > 0 => {
                let bytes = Some(piece[..length].to_vec());
                tell(Event { bytes, ..Event::new(Kind::RouteBytes, id) });
            }
            _ => break tell(Event::new(Kind::RouteEnd, id)),
        }
    }
}

async fn write(
    tell: Tell,
    id: u32,
    mut writer: WriteHalf<DuplexStream>,
    mut pieces: mpsc::Receiver<Vec<u8>>,
) {
    while let Some(bytes) = pieces.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            break;
        }
        tell(Event::new(Kind::RouteDrained, id));
    }
    drop(writer.shutdown().await);
}
