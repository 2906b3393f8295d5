//! A client, as far as backends see it.

use std::{net::IpAddr, sync::Arc};

use crate::{
    era::Era,
    host::Caller,
    identity::Identity,
    relay::{Client, Sink},
};

/// See the module.
pub(super) struct Visitor {
    principal: Identity,
    address: Option<IpAddr>,
    pub(super) unsolicited: Option<Arc<dyn Sink>>,
    caller: Option<Arc<Caller>>,
    pub(super) session: Option<String>,
    selection: Option<Vec<String>>,
}

impl Visitor {
    pub(super) fn of(client: &Client) -> Self {
        Self {
            principal: client.principal.clone(),
            address: client.address,
            unsolicited: client.unsolicited.clone(),
            caller: client.caller.clone(),
            session: client.session.clone(),
            selection: client.selection.clone(),
        }
    }

    pub(super) fn client(&self) -> Client {
        Client {
            era: Era::Legacy,
            principal: self.principal.clone(),
            address: self.address,
            unsolicited: self.unsolicited.clone(),
            caller: self.caller.clone(),
            session: self.session.clone(),
            selection: self.selection.clone(),
            ..Client::default()
        }
    }
}
