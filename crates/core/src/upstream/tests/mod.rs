//! What a server's output is taken for, and how long it may take to begin.

mod handshake;
mod lines;
mod negotiation;
