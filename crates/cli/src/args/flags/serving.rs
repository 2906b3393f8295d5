//! What is served, and where.

use mcp_proxy_core::config::{
    DEFAULT_HOST, DEFAULT_PORT, DEFAULT_SSE_ENDPOINT, DEFAULT_STREAM_ENDPOINT,
};

use crate::args::kinds::{Choice, Host, Number, Route, Switch, Text};

/// Which of the two 2025-era transports are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transports {
    Both,
    Sse,
    Stream,
}

flags! { Serving:
    PORT: Number = "port" {
        kind: Number::count(DEFAULT_PORT as usize).at_most(65_535),
        short: "Port to listen on",
        help: "Port to listen on; with 0 the system chooses one, and the start prints it",
    }
    HOST: Host = "host" {
        kind: Host { default: DEFAULT_HOST },
        short: "Address to listen on",
        help: "Host name or address to listen on",
    }
    SERVER: Choice<Transports> = "server" {
        kind: Choice {
            placeholder: "transport",
            choices: &[("sse", Transports::Sse), ("stream", Transports::Stream)],
            default: ("both", Transports::Both),
        },
        short: "Serve only one transport",
        help: "Serve only this transport",
    }
    ENDPOINT: Route = "endpoint" {
        kind: Route { default: None },
        short: "Path of the only endpoint, with --server",
        help: "Path of the only endpoint if --server is given; --streamEndpoint and --sseEndpoint \
               override it",
    }
    STREAM_ENDPOINT: Route = "streamEndpoint" {
        kind: Route { default: Some(DEFAULT_STREAM_ENDPOINT) },
        short: "Path of the Streamable HTTP endpoint",
        help: "Path of the Streamable HTTP endpoint; an empty path turns it off",
    }
    SSE_ENDPOINT: Route = "sseEndpoint" {
        kind: Route { default: Some(DEFAULT_SSE_ENDPOINT) },
        short: "Path of the HTTP+SSE endpoint",
        help: "Path of the HTTP+SSE endpoint; an empty path turns it off",
    }
    MESSAGES_ENDPOINT: Text = "messagesEndpoint" {
        kind: Text { placeholder: "path" },
        short: "Where HTTP+SSE clients post",
        help: "Where HTTP+SSE clients post: a path, or one relative to the path of their stream \
               (\"messages\"), which also works behind a path prefix. By default /messages if the \
               stream is at /sse, otherwise the path of the stream",
    }
    MODERN: Switch = "modern" {
        kind: Switch { default: true },
        short: "Serve MCP revision 2026-07-28, too",
        help: "Serve MCP revision 2026-07-28 on the Streamable HTTP endpoint, beside the older \
               revisions",
    }
}
