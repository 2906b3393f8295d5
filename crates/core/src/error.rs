//! Why a proxy could not start.

use std::{io, path::PathBuf, time::Duration};

/// A start-up failure. Each text says what happened, to what, and what may help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server's command could not be run.
    #[error("could not run {command:?}: {}", spawn_problem(.command, .source))]
    Spawn {
        /// The program, as configured.
        command: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The working directory of the server does not exist.
    #[error("the working directory {} does not exist", .0.display())]
    WorkingDirectory(PathBuf),
    /// The server ended before it answered the handshake.
    #[error("the MCP server {command:?} {outcome} before it answered {request:?}{}", tail(.stderr))]
    EndedEarly {
        /// The program, as configured.
        command: String,
        /// The request that opened the exchange.
        request: &'static str,
        /// How it ended.
        outcome: String,
        /// The last lines of its standard error.
        stderr: Vec<String>,
    },
    /// The server did not answer the handshake in time.
    #[error(
        "the MCP server {command:?} did not answer {request:?} within {} ms; \
         --connectionTimeout sets the limit{}",
        .limit.as_millis(),
        .hint.map(|hint| format!(". {hint}")).unwrap_or_default()
    )]
    HandshakeTimeout {
        /// The program, as configured.
        command: String,
        /// The request that opened the exchange.
        request: &'static str,
        /// The time limit that was exceeded.
        limit: Duration,
        /// What may help.
        hint: Option<&'static str>,
    },
    /// The server answered the handshake with an error or with something invalid.
    #[error("the MCP server {command:?} refused {request:?}: {reason}")]
    HandshakeRefused {
        /// The program, as configured.
        command: String,
        /// The request that opened the exchange.
        request: &'static str,
        /// What it answered.
        reason: String,
    },
    /// The configuration of the remote server cannot be used.
    #[error("cannot use the remote server: {0}")]
    Remote(String),
    /// The configuration of the server cannot be used.
    #[error("{0}")]
    Server(String),
    /// The port could not be opened.
    #[error("{}", listen_problem(.host, *.port, .flag, .source))]
    Listen {
        /// Host, as configured.
        host: String,
        /// Port, as configured.
        port: u16,
        /// The flag that chooses another port.
        flag: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Metrics would be readable by everybody who can reach the front.
    #[error(
        "/metrics on the public port needs an API key (--apiKey); --metricsPort serves it on a port of its own"
    )]
    OpenMetrics,
    /// The configuration of authentication cannot be used.
    #[error("cannot authenticate callers: {0}")]
    Auth(String),
    /// The configuration of replicas cannot be used.
    #[error("cannot work with other replicas: {0}")]
    Cluster(String),
    /// The recording cannot be written.
    #[error("cannot record to {}: {source}", .file.display())]
    Record {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The store of the replicas cannot be used.
    #[error("cannot use the store (--store): {0}")]
    Store(String),
    /// A certificate or key could not be read.
    #[error("Failed to read {what} '{}': {source}", .path.display())]
    TlsFile {
        /// `CA file`, `certificate file` or `key file`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Certificate and key do not belong together, or cannot serve TLS.
    #[error("TLS cannot be served: {0}")]
    Tls(String),
}

fn spawn_problem(command: &str, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound if command.trim().contains(char::is_whitespace) => {
            "command not found (ENOENT). It is one word with spaces: write the program and \
             its arguments as separate words, or add --shell"
                .to_owned()
        }
        io::ErrorKind::NotFound => "command not found (ENOENT)".to_owned(),
        io::ErrorKind::PermissionDenied => "it is not executable (EACCES)".to_owned(),
        _ => source.to_string(),
    }
}

fn listen_problem(host: &str, port: u16, flag: &str, source: &io::Error) -> String {
    let address =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "listen EADDRINUSE: address already in use {address}; choose another with {flag}"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!("listen EACCES: permission denied {address}; ports below 1024 need privileges")
        }
        _ => format!("cannot listen on {address}: {source}"),
    }
}

fn tail(stderr: &[String]) -> String {
    if stderr.is_empty() {
        return String::new();
    }
    format!("; its last words were:\n  {}", stderr.join("\n  "))
}
