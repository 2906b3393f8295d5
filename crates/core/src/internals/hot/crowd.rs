//! A notification to many clients.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::{road::read, server::Server};
use crate::{
    downstream::http::session::{Reading, Stream},
    era::Era,
    relay::{Backend as _, Client, Connection, Sink},
};

/// Clients of a server, each with a stream of its own.
#[derive(Debug)]
pub struct Crowd {
    server: Server,
    clients: Vec<(Arc<dyn Connection>, Reading)>,
}

impl Crowd {
    /// This many; `None` if there is no server.
    pub fn new(clients: usize) -> Option<Self> {
        let server = Server::of(Era::Legacy)?;
        let open = |_| {
            let (stream, reading) = Stream::standalone(None).attached();
            let sink: Arc<dyn Sink> = stream;
            let client = Client { unsolicited: Some(sink), ..Client::default() };
            Some((server.shared.open(client).now_or_never()?.ok()?, reading))
        };
        let clients = (0..clients).map(open).collect::<Option<_>>()?;
        Some(Self { server, clients })
    }

    /// The server notifies all of them; returns the bytes that they read.
    pub fn tell(&self, notification: Bytes) -> Option<usize> {
        self.server.say(notification)?;
        let read: Vec<usize> = self.clients.iter().map(|(_, reading)| read(reading)).collect();
        // Each client must get it, or the measurement would be too cheap.
        read.iter().all(|bytes| *bytes > 0).then(|| read.iter().sum())
    }
}
