//! End-to-end tests of the native binary by raw bytes, one module per area.

mod access;
mod bad_input;
mod batch;
mod body;
mod child;
mod fidelity;
mod half_close;
mod isolation;
mod leaving;
mod lenient;
mod listen;
mod modern_calls;
mod modern_isolation;
mod modern_ladder;
mod modern_listen;
mod modern_questions;
mod modern_server;
mod order;
mod questions;
mod routing;
mod shutdown;
mod sloppy_servers;
mod sse;
mod stateless;
mod streamable;
mod tls;
