//! Limits on what clients may use.

use mcp_proxy_core::config::{
    DEFAULT_MAX_BODY_SIZE, DEFAULT_MAX_BUFFERED, DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_MAX_LINE_SIZE, DEFAULT_MAX_SESSIONS,
};

use crate::args::kinds::Number;

/// Worker threads of the runtime: one serves a single child's pipe better than several.
pub(crate) const DEFAULT_THREADS: usize = 1;

flags! { Limits:
    MAX_BODY_SIZE: Number = "maxBodySize" {
        kind: Number::bytes(DEFAULT_MAX_BODY_SIZE)
            .or_else("Use --maxBodySize 0 to disable the limit instead."),
        short: "Largest request body",
        help: "Largest request body; larger ones get 413. 0 turns the limit off",
    }
    MAX_SESSIONS: Number = "maxSessions" {
        kind: Number::count(DEFAULT_MAX_SESSIONS).at_least(1),
        short: "Most sessions at a time",
        help: "Most sessions at a time, of both transports together; further clients get 503",
    }
    MAX_CONNECTIONS: Number = "maxConnections" {
        kind: Number::count(DEFAULT_MAX_CONNECTIONS),
        short: "Most HTTP connections at a time",
        help: "Most HTTP connections at a time; further ones get 503. 0 turns the limit off",
    }
    MAX_CONNECTIONS_PER_IP: Number = "maxConnectionsPerIp" {
        kind: Number::count(0),
        short: "Most connections of one address",
        help: "Most HTTP connections of one address at a time; 0 sets no limit",
    }
    MAX_CONNECTION_REQUESTS: Number = "maxConnectionRequests" {
        kind: Number::count(0),
        short: "Most requests on one connection",
        help: "Requests after which an HTTP connection is closed; 0 sets no limit",
    }
    RATE_LIMIT: Number = "rateLimit" {
        kind: Number::count(0).at_most(1_000_000),
        short: "Most requests of one address per second",
        help: "Most HTTP requests of one address per second, in bursts of up to ten seconds' worth; \
               further requests get 429. 0 sets no limit",
    }
    MAX_BUFFERED: Number = "maxBuffered" {
        kind: Number::bytes(DEFAULT_MAX_BUFFERED),
        short: "Largest backlog of all clients, in bytes",
        help: "Most bytes that wait for all clients together; beyond it, the slowest clients are \
               disconnected; 0 turns the limit off",
    }
    MAX_IN_FLIGHT: Number = "maxInFlight" {
        kind: Number::count(DEFAULT_MAX_IN_FLIGHT),
        short: "Most calls of a session at a time",
        help: "Most calls of a session at a time; further calls get 429. 0 turns the limit off",
    }
    MAX_LINE_SIZE: Number = "maxLineSize" {
        kind: Number::bytes(DEFAULT_MAX_LINE_SIZE).at_least(1),
        short: "Largest message from the server",
        help: "Largest message from the server; a server that writes a larger one is stopped",
    }
    THREADS: Number = "threads" {
        kind: Number::count(DEFAULT_THREADS).at_least(1).at_most(1024),
        short: "Worker threads",
        help: "Worker threads; more than one pays off with heavy TLS",
    }
}
