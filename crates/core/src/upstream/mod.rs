//! Servers behind the proxy.

mod child;
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
pub(crate) use start::{Upstream, start};
use supervisor::Supervisor;

#[cfg(test)]
mod tests;
