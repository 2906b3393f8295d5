//! Finds out which of several servers a call belongs to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::scope::Scope;

/// Most servers that are counted separately; the others have the label `other`.
pub(super) const MAX_SERVERS: usize = 200;

/// Separates a server's prefix and its own name for something.
const SEPARATOR: &str = "__";

/// The owner of the calls of an endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    /// The only server, which needs no name.
    Anybody,
    /// This one's.
    Server(Arc<Scope>),
    /// The server with the prefix of the name that is called.
    Prefixed,
}

/// Series of servers with names. They stay when their servers are removed.
#[derive(Debug, Default)]
pub(super) struct Servers {
    scopes: BTreeMap<Box<str>, Arc<Scope>>,
    /// The servers that are merged now.
    prefixes: HashMap<String, Arc<Scope>>,
}

impl Servers {
    /// The series of the server with this name.
    pub(super) fn scope(&mut self, name: &str) -> Arc<Scope> {
        let known = self.scopes.contains_key(name);
        let room = self.scopes.len() < MAX_SERVERS;
        let name = if known || room { name } else { "other" };
        Arc::clone(self.scopes.entry(name.into()).or_default())
    }

    /// Sets the merged servers.
    pub(super) fn merge(&mut self, servers: &[(String, String)]) {
        let prefix = |(name, prefix): &(String, String)| (prefix.clone(), self.scope(name));
        self.prefixes = servers.iter().map(prefix).collect();
    }

    /// The only server; its names have no prefix.
    pub(super) fn only(&self) -> Option<&Arc<Scope>> {
        self.prefixes.values().next().filter(|_| self.prefixes.len() == 1)
    }

    /// The server of a merged name, and its own name for it.
    pub(super) fn of<'a>(&self, name: &'a str) -> Option<(&Arc<Scope>, &'a str)> {
        if let Some(only) = self.only() {
            return Some((only, name));
        }
        let (prefix, own) = name.split_once(SEPARATOR)?;
        Some((self.prefixes.get(prefix)?, own))
    }

    pub(super) fn scopes(&self) -> impl Iterator<Item = (&str, &Arc<Scope>)> {
        self.scopes.iter().map(|(name, scope)| (&**name, scope))
    }
}
