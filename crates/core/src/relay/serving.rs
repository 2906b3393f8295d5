//! A shared upstream as a backend: how clients get to it, and whether it is ready for them.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{
    Backend, Client, Connection, OpenError, Readiness, Servers, Shared, Unready,
    crossing::open_member, link::Link, member::Member,
};
use crate::{
    era::Era,
    jsonrpc::{Code, ErrorBody},
};

/// When to ask again for a server that is starting.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Readiness for Shared {
    fn unready(&self) -> Option<Unready> {
        let (state, cause) = match &self.lock().link {
            Link::Up { .. } => return None,
            Link::Away { cause: None, .. } => ("starting", None),
            Link::Away { cause: Some(cause), .. } => ("restarting", Some(cause.message.clone())),
            Link::Down(cause) => ("stopped", Some(cause.message.clone())),
        };
        let reason = cause.unwrap_or_else(|| "the MCP server is being started".to_owned());
        let retry_after = (state != "stopped").then_some(RETRY_AFTER);
        Some(Unready { state, reason, retry_after })
    }

    fn servers(&self) -> Servers {
        let (written_bytes, read_bytes) = self.volume().so_far();
        let state = self.lock();
        let restarts = u64::from(state.restarts);
        let servers = Servers { restarts, written_bytes, read_bytes, ..Servers::default() };
        match &state.link {
            Link::Up { outbox, pid, .. } => Servers {
                pids: pid.iter().copied().collect(),
                queued_bytes: outbox.queued_bytes(),
                ..servers
            },
            _ => servers,
        }
    }
}

impl Backend for Shared {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        let Client { era, principal, unsolicited, .. } = client;
        let state = self.lock();
        if matches!(state.link, Link::Away { cause: None, .. }) {
            drop(state);
            let error = ErrorBody::new(Code::Unavailable, "the MCP server is starting");
            return Box::pin(async { Err(error.into()) });
        }
        drop(state);
        let Some(shared) = self.strong() else {
            let error = ErrorBody::new(Code::Internal, "the proxy is shutting down");
            return Box::pin(async { Err(error.into()) });
        };
        Box::pin(async move {
            let patience = shared.limits().silence;
            let id = shared.enter(unsolicited);
            Ok(match era {
                // The server speaks the client's era.
                Era::Modern if !shared.is_modern() => {
                    open_member(Member::new(id, Era::Legacy, shared), principal, patience)
                }
                era => Arc::new(Member::new(id, era, shared).acting_for(principal)),
            })
        })
    }

    fn end_subscriptions(&self) {
        self.crossings().end_subscriptions();
    }
}
