//! Several replicas of one proxy that serve each other's sessions.
//!
//! The id of a session names the replica that has it ([`names`]). A request for another replica's
//! session is forwarded to its owner, over a connection on which both have proved that they know
//! the secret ([`proof`]), streaming both ways; it is forwarded only once. Decisions are pure:
//! names, proofs and secrets are functions of values. Sockets are in `peers`.

mod carried;
mod directory;
mod forwarding;
mod handle;
pub(crate) mod names;
mod peers;
mod proof;
mod replica;
mod secrets;
mod seeking;
mod store;

pub(crate) use carried::{Carried, STANDING, strip};
pub(crate) use forwarding::addressed;
pub(crate) use handle::Cluster;
pub(crate) use names::Names;
pub(crate) use peers::{Answer, Inbound, Link, Local, Outbound, PeerPort, Unforwarded, Unreached};
pub(crate) use replica::ReplicaId;
pub(crate) use secrets::Secrets;
pub(crate) use seeking::{Found as Whereabouts, Taking};
pub(crate) use store::{Founding, Logged, RemoteSession, Store, Taken, Underway, Unwritten};
