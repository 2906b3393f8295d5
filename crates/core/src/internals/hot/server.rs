//! The server's end of the relay: what it receives, and what it sends.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;

use crate::{
    era::{Era, modern_server::Discovery},
    jsonrpc::Message,
    relay::{Ids, InitializeResult, Limits, Listener as _, Outbox, Shared},
};

const INITIALIZE: &[u8] = br#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"logging":{}},"serverInfo":{"name":"bench","version":"1"}}}"#;
const DISCOVERY: &[u8] = br#"{"jsonrpc":"2.0","id":0,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bench","version":"1"}}}}"#;

/// A server that all clients share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) shared: Arc<Shared>,
    outbox: Arc<Outbox>,
}

impl Server {
    /// A server of this era.
    pub(super) fn of(era: Era) -> Option<Self> {
        let shared = Shared::new(Ids::Unguessable, Limits::default(), Duration::ZERO);
        let outbox = Arc::<Outbox>::default();
        let initialize = match era {
            Era::Legacy => InitializeResult::of(&Message::parse(INITIALIZE.into()).ok()?)?,
            Era::Modern => {
                let discovered = Message::parse(DISCOVERY.into()).ok()?;
                InitializeResult::of_discovery(Discovery::of(&discovered))?
            }
        };
        shared.connected(Arc::clone(&outbox), initialize, None);
        Some(Self { shared, outbox })
    }

    /// What it has received.
    pub(super) fn read(&self) -> Vec<Bytes> {
        self.outbox.next().now_or_never().flatten().unwrap_or_default()
    }

    /// It answers the only request that it has received.
    pub(super) fn answer(&self, result: &[u8]) -> Option<()> {
        let request = Message::parse(self.read().into_iter().next()?).ok()?;
        let answer = [br#"{"jsonrpc":"2.0","id":"#, request.id()?, br#","result":"#, result, b"}"];
        self.say(answer.concat().into())
    }

    /// It sends a message.
    pub(super) fn say(&self, line: Bytes) -> Option<()> {
        self.shared.receive(&Message::parse(line).ok()?);
        Some(())
    }
}
