//! A notification and all who are told of it.

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
    /// So many; `None` if there is no server.
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

    /// The server says something to all of them; the bytes that they read.
    pub fn tell(&self, notification: Bytes) -> Option<usize> {
        self.server.say(notification)?;
        let read: Vec<usize> = self.clients.iter().map(|(_, reading)| read(reading)).collect();
        // Nobody may be left out: it would be too cheap.
        read.iter().all(|bytes| *bytes > 0).then(|| read.iter().sum())
    }
}
