//! What a seal is bound to: one endpoint and one caller.

use super::{
    cursor::{Cursor, ServerTag},
    lists::Listed,
    seal::Seal,
    server::Server,
};
use crate::{identity::Identity, jsonrpc::escape};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) seal: &'a Seal,
    /// Tells endpoints apart.
    pub(super) endpoint: &'a str,
    pub(super) principal: &'a Identity,
}

impl Context<'_> {
    fn of(&self, purpose: &[u8]) -> Vec<u8> {
        let mut context = Vec::with_capacity(64);
        let (kind, issuer, subject) = self.principal.key();
        for part in [purpose, self.endpoint.as_bytes(), &[kind], issuer, subject] {
            context.extend_from_slice(&(part.len() as u64).to_le_bytes());
            context.extend_from_slice(part);
        }
        context
    }

    pub(super) fn close_cursor(&self, listed: Listed, cursor: &Cursor) -> String {
        self.seal.close(&self.of(listed.method.as_bytes()), &cursor.encode())
    }

    pub(super) fn open_cursor(&self, listed: Listed, sealed: &str) -> Option<Cursor> {
        Cursor::decode(&self.seal.open(&self.of(listed.method.as_bytes()), sealed)?)
    }

    /// The id of a server's task, as raw JSON.
    pub(super) fn close_task(&self, server: &Server, own: &str) -> Vec<u8> {
        let text = [&server.tag[..], own.as_bytes()].concat();
        escape(&self.seal.close(&self.of(b"task"), &text)).into_bytes()
    }

    /// The server of a task, and its id there.
    pub(super) fn open_task(&self, sealed: &str) -> Option<(ServerTag, String)> {
        let text = self.seal.open(&self.of(b"task"), sealed)?;
        let (tag, own) = text.split_first_chunk()?;
        Some((*tag, String::from_utf8(own.to_vec()).ok()?))
    }

    /// The state of a server's question, as raw JSON.
    pub(super) fn close_state(&self, server: &Server, raw: &[u8]) -> Vec<u8> {
        let purpose = [&b"state"[..], &server.tag].concat();
        escape(&self.seal.close(&self.of(&purpose), raw)).into_bytes()
    }

    /// The state as the server wrote it, if this server did.
    pub(super) fn open_state(&self, server: &Server, sealed: &str) -> Option<Vec<u8>> {
        let purpose = [&b"state"[..], &server.tag].concat();
        self.seal.open(&self.of(&purpose), sealed)
    }
}
