//! Default values.

use std::time::Duration;

/// Port of the HTTP front when none is given.
pub const DEFAULT_PORT: u16 = 8080;
/// Address of the HTTP front: every interface, IPv4 and IPv6, as in the original.
pub const DEFAULT_HOST: &str = "::";
/// Path of the Streamable HTTP endpoint.
pub const DEFAULT_STREAM_ENDPOINT: &str = "/mcp";
/// Path of the HTTP+SSE event stream.
pub const DEFAULT_SSE_ENDPOINT: &str = "/sse";
/// Largest request body: 10 MiB.
pub const DEFAULT_MAX_BODY_SIZE: usize = 10 * 1024 * 1024;
/// Longest line accepted from a child: 20 MiB, the cap of the original's filter.
pub const DEFAULT_MAX_LINE_SIZE: usize = 20 * 1024 * 1024;
/// Events kept per session for `Last-Event-ID`.
pub const DEFAULT_EVENT_STORE_MAX_EVENTS: usize = 1000;
/// Bytes kept per session for `Last-Event-ID`; the newest event is always kept.
pub const DEFAULT_EVENT_STORE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Idle time after which a keep-alive connection without a request is closed.
pub const DEFAULT_KEEP_ALIVE_TIMEOUT: Duration = Duration::from_mins(5);
/// Idle time after which a session without open responses is closed.
pub const DEFAULT_SESSION_IDLE_TIMEOUT: Duration = Duration::from_mins(30);
/// Time the upstream has to answer the handshake.
pub const DEFAULT_CONNECTION_TIMEOUT: Duration = Duration::from_mins(1);
/// Time that a call may take without an answer or progress.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_mins(5);
/// Time that a call waits if it arrives while the server restarts.
pub const DEFAULT_RESTART_WAIT: Duration = Duration::from_secs(10);
/// Failed restarts in a row after which the proxy stops restarting a server.
pub const DEFAULT_MAX_RESTARTS: u32 = 10;
/// Time between attempts after that.
pub const DEFAULT_RETRY_INTERVAL: Duration = Duration::from_mins(1);
/// Time that a server has to answer a ping, if pings are enabled.
pub const DEFAULT_PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Most servers that run at a time if each client has its own.
pub const DEFAULT_MAX_CHILDREN: usize = 128;
/// Budget of a graceful shutdown.
pub const DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Most sessions of a front, over both transports together.
pub const DEFAULT_MAX_SESSIONS: usize = 65_536;
/// Connections of a front at a time.
pub const DEFAULT_MAX_CONNECTIONS: usize = 65_536;
/// Most calls that one session may have under way.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 1024;
/// Time that a request head may take to arrive, as in Node's HTTP server.
pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_mins(1);
/// Time that a request body may take to arrive, as in Node's HTTP server.
pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_mins(5);
/// Time that a client may leave a response unread.
pub const DEFAULT_WRITE_TIMEOUT: Duration = Duration::from_mins(5);
/// The same where connections may be idle for less time than this.
const LEAST_WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may leave a response unread where only the time is set that connections may be
/// idle: no longer than that, but at least 10 s.
#[must_use]
pub fn default_write_timeout(keep_alive: Duration) -> Duration {
    if keep_alive.is_zero() {
        return DEFAULT_WRITE_TIMEOUT;
    }
    keep_alive.clamp(LEAST_WRITE_TIMEOUT, DEFAULT_WRITE_TIMEOUT)
}
/// Bytes that may wait for all clients together: 1 GiB.
pub const DEFAULT_MAX_BUFFERED: usize = 1024 * 1024 * 1024;
/// Address of the metrics listener: loopback, as metrics are meant for the operator only.
pub const DEFAULT_METRICS_HOST: &str = "127.0.0.1";
/// Size of one part of a recording, in bytes.
pub const DEFAULT_RECORD_MAX_SIZE: usize = 100 * 1024 * 1024;
/// Parts of a recording that are kept.
pub const DEFAULT_RECORD_MAX_FILES: usize = 10;

/// Port for requests from other replicas.
pub const DEFAULT_PEER_PORT: u16 = 8079;

/// Prefix of the keys in a store.
pub const DEFAULT_STORE_PREFIX: &str = "mcp-proxy";

/// Fewest bytes of a secret that replicas share.
pub const MIN_PEER_SECRET: usize = 16;

/// Request headers a browser may send by default (`Access-Control-Allow-Headers`).
pub const DEFAULT_ALLOWED_HEADERS: [&str; 8] = [
    "Content-Type",
    "Authorization",
    "Accept",
    "Mcp-Session-Id",
    "Mcp-Protocol-Version",
    "Last-Event-Id",
    "Mcp-Method",
    "Mcp-Name",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_stay_unread_as_long_as_a_connection_may_be_idle() {
        for (keep_alive, expected) in
            [(0, 300), (1, 10), (10, 10), (60, 60), (300, 300), (900, 300)]
        {
            let write = default_write_timeout(Duration::from_secs(keep_alive));
            assert_eq!(write, Duration::from_secs(expected), "{keep_alive}");
        }
    }
}
