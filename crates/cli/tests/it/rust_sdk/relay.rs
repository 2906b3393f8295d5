//! A TCP relay between a client and the proxy that can drop every connection at once, as a network
//! does. It also reports when a client's GET stream is open, which rmcp does not.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::AbortHandle,
};

use crate::rust_sdk::journal::Journal;

#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) port: u16,
    /// One entry per opened GET stream: whether it was requested with Last-Event-ID.
    pub(crate) streams: Journal,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Relay {
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let relay = Self { port, streams: Journal::new(), connections: Arc::default() };
        let (streams, connections) = (relay.streams.clone(), Arc::clone(&relay.connections));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let connection = tokio::spawn(carry(client, target, streams.clone()));
                connections.lock().unwrap().push(connection.abort_handle());
            }
        });
        relay
    }

    pub(crate) fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }
}

async fn carry(client: TcpStream, target: u16, streams: Journal) {
    let server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let asked = AtomicBool::new(false);
    let resumed = AtomicBool::new(false);
    let up = pump(client_read, server_write, |bytes| {
        let head = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        if head.starts_with("get ") {
            asked.store(true, Ordering::Relaxed);
            resumed.store(head.contains("\r\nlast-event-id:"), Ordering::Relaxed);
        }
    });
    let down = pump(server_read, client_write, |bytes| {
        if bytes.starts_with(b"HTTP/1.1 200") && asked.swap(false, Ordering::Relaxed) {
            streams.push(json!(resumed.load(Ordering::Relaxed)));
        }
    });
    tokio::join!(up, down);
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, inspect: impl Fn(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        inspect(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
