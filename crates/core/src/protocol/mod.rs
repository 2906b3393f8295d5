//! The vocabulary of MCP: revisions, methods, log levels, mirrored headers. No behaviour.

pub(crate) mod header;
