//! Sessions and what they keep.

use mcp_proxy_core::config::{
    DEFAULT_EVENT_STORE_MAX_BYTES, DEFAULT_EVENT_STORE_MAX_EVENTS, DEFAULT_SESSION_IDLE_TIMEOUT,
};

use crate::args::kinds::{Number, Switch};

flags! { Sessions:
    STATELESS: Switch = "stateless" {
        kind: Switch { default: false },
        short: "Serve each request on its own",
        help: "Serve each request of the Streamable HTTP endpoint on its own, without sessions",
    }
    JSON_RESPONSE: Switch = "jsonResponse" {
        kind: Switch { default: false },
        short: "Answer with JSON, not with event streams",
        help: "Answer calls with plain JSON instead of event streams; messages that the server \
               sends during a call go to the session's GET stream",
    }
    SESSION_IDLE_TIMEOUT: Number = "sessionIdleTimeout" {
        kind: Number::millis(DEFAULT_SESSION_IDLE_TIMEOUT)
            .or_else("Use --sessionIdleTimeout 0 to keep sessions until their client sends DELETE instead."),
        short: "Close idle sessions after this time",
        help: "Close a session this long after its last stream and request; 0 keeps it until the \
               client deletes it",
    }
    EVENT_STORE: Switch = "eventStore" {
        kind: Switch { default: true },
        short: "Keep events for clients that reconnect",
        help: "Keep events so that a client that reconnects gets what it missed",
    }
    EVENT_STORE_MAX_EVENTS: Number = "eventStoreMaxEvents" {
        kind: Number::count(DEFAULT_EVENT_STORE_MAX_EVENTS)
            .at_least(1)
            .or_else("Use --no-eventStore to disable the event store instead."),
        short: "Most events kept for a session",
        help: "Most events kept for a session; the oldest are dropped first",
    }
    EVENT_STORE_MAX_BYTES: Number = "eventStoreMaxBytes" {
        kind: Number::bytes(DEFAULT_EVENT_STORE_MAX_BYTES)
            .at_least(1)
            .or_else("Use --no-eventStore to disable the event store instead."),
        short: "Most bytes of events kept for a session",
        help: "Most bytes of events kept for a session; the oldest events are dropped first, the \
               newest is always kept",
    }
}
