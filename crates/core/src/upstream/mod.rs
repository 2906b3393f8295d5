//! Servers behind the proxy.

mod child;
mod children;
pub(crate) mod claims;
mod guard;
mod handshake;
mod hang;
mod held_connection;
mod hold;
mod http;
mod late;
mod lines;
mod negotiation;
mod nursery;
mod outlook;
mod own_variables;
mod pool;
mod process;
mod program;
mod promises;
mod restart;
mod shares;
mod start;
mod stderr;
mod supervisor;
mod tenancy;

pub use guard::{Guard, groups_left};
pub(crate) use http::{
    Remote, error_chain, probe, sign_out, sign_out_everywhere, stored_token, tls_config,
};
pub(crate) use late::{Late, Stage};
use nursery::Nursery;
use pool::ServerPool;
pub(crate) use process::{Pipes, Process, outcome};
pub(crate) use program::find as find_program;
pub(crate) use start::start;
use supervisor::Supervisor;

use std::{fmt, future::pending, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use crate::relay::{Backend, Readiness};

/// What is behind an endpoint: a server, one for each of its clients, or a remote one.
pub(crate) trait Upstream: fmt::Debug + Send + Sync {
    /// What clients connect to.
    fn backend(&self) -> Arc<dyn Backend>;

    /// Whether it can take calls.
    fn readiness(&self) -> Arc<dyn Readiness>;

    /// The server's own name and version, once they are known.
    fn name(&self) -> Option<String> {
        None
    }

    /// Waits until the server has ended for good; returns why. Servers that are not shared end with
    /// their clients, so this never returns for them.
    fn ended(&self) -> BoxFuture<'static, String> {
        Box::pin(pending())
    }

    /// Ends it and everything that it has started, within `budget`.
    fn stop(self: Box<Self>, budget: Duration) -> BoxFuture<'static, ()>;
}

#[cfg(test)]
mod tests;
