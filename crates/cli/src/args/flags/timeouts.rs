//! Times.

use std::time::Duration;

use mcp_proxy_core::config::{
    DEFAULT_BODY_TIMEOUT, DEFAULT_CONNECTION_TIMEOUT, DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT,
    DEFAULT_HEADER_TIMEOUT, DEFAULT_KEEP_ALIVE_TIMEOUT, DEFAULT_PING_TIMEOUT,
    DEFAULT_REQUEST_TIMEOUT, DEFAULT_RESTART_WAIT, DEFAULT_WRITE_TIMEOUT,
};

use crate::args::kinds::Number;

flags! { Timeouts:
    CONNECTION_TIMEOUT: Number = "connectionTimeout" {
        kind: Number::millis(DEFAULT_CONNECTION_TIMEOUT).at_least(1),
        short: "Time limit for the handshake",
        help: "Time that the server has to answer the handshake",
    }
    REQUEST_TIMEOUT: Number = "requestTimeout" {
        kind: Number::millis(DEFAULT_REQUEST_TIMEOUT),
        short: "Time limit for a silent call",
        help: "Time that a call may take without an answer or progress; 0 turns the limit off",
    }
    HEADER_TIMEOUT: Number = "headerTimeout" {
        kind: Number::millis(DEFAULT_HEADER_TIMEOUT).at_least(1),
        short: "Time limit for a request head",
        help: "Time that the head of an HTTP request may take to arrive; then the answer is 408",
    }
    BODY_TIMEOUT: Number = "bodyTimeout" {
        kind: Number::millis(DEFAULT_BODY_TIMEOUT).at_least(1),
        short: "Time limit for a request body",
        help: "Time that the body of an HTTP request may take to arrive; then the answer is 408",
    }
    MAX_CONNECTION_AGE: Number = "maxConnectionAge" {
        kind: Number::millis(Duration::ZERO),
        short: "Time after which a connection is closed",
        help: "Time after which an HTTP connection is closed, once its request is answered; 0 sets \
               no limit",
    }
    WRITE_TIMEOUT: Number = "writeTimeout" {
        kind: Number::millis(DEFAULT_WRITE_TIMEOUT),
        short: "Time limit for a client that reads nothing",
        help: "Time that a client may leave an answer unread; then its connection is closed; where \
               --keepAliveTimeout is shorter, the default is that, but at least 10 s; 0 turns the \
               limit off",
    }
    MAX_REQUEST_TIME: Number = "maxRequestTime" {
        kind: Number::millis(Duration::ZERO),
        short: "Time limit for any call",
        help: "Time that a call may take, with or without progress; 0 sets no limit",
    }
    RESTART_WAIT: Number = "restartWait" {
        kind: Number::millis(DEFAULT_RESTART_WAIT),
        short: "How long calls wait for a restart",
        help: "Time that a call waits for a server that is being restarted; then the call fails",
    }
    PING_INTERVAL: Number = "pingInterval" {
        kind: Number::millis(Duration::ZERO),
        short: "Ping the server this often",
        help: "Ping the server this often, and restart it if it does not answer; a remote server is \
               pinged while its session is idle, which keeps it alive; 0 sends no pings",
    }
    PING_TIMEOUT: Number = "pingTimeout" {
        kind: Number::millis(DEFAULT_PING_TIMEOUT).at_least(1),
        short: "Time limit for a ping",
        help: "Time that the server has to answer a ping",
    }
    KEEP_ALIVE_TIMEOUT: Number = "keepAliveTimeout" {
        kind: Number::millis(DEFAULT_KEEP_ALIVE_TIMEOUT),
        short: "How long idle connections stay open",
        help: "Time that an HTTP connection stays open for another request; 0 keeps it open",
    }
    GRACEFUL_SHUTDOWN_TIMEOUT: Number = "gracefulShutdownTimeout" {
        kind: Number::millis(DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT),
        short: "Time limit for a shutdown",
        help: "Time that a shutdown may take; then what is left is cut off and the exit code is 1",
    }
}
