//! How a server's output is read, and how long it may take to begin.

mod handshake;
mod lines;
mod negotiation;
