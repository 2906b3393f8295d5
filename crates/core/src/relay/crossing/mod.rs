//! Modern clients of legacy servers.
//!
//! A front opens one connection for each modern request, and drops it with the response. Here that
//! connection is a `Passage`: it translates the request and sends it over a legacy connection like
//! any other client, and the `Call` that waits for the answer translates that. What outlives the
//! request (a waiting call, a subscription) is kept in [`Crossings`].

mod call;
mod crossings;
mod errand;
mod hosted;
mod key;
mod lease;
mod leases;
mod legacy;
mod listen;
mod member;
mod origin;
mod passage;
mod rounds;
mod schemas;
mod subscription;
mod task_tools;
mod waiting;

pub(super) use crossings::Crossings;
pub(super) use hosted::Hosted;
pub(crate) use leases::{Keep, Leases, OpenServer, ServerSource};
pub(super) use member::open as open_member;
