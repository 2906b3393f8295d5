//! The server, and how it is used.

use std::time::Duration;

use mcp_proxy_core::config::{
    DEFAULT_MAX_CHILDREN, DEFAULT_MAX_RESTARTS, DEFAULT_RETRY_INTERVAL, Isolation, RestartWhen,
    UpstreamProtocol,
};

use crate::args::kinds::{Choice, List, Number, PathName, Switch};

flags! { Upstream:
    UPSTREAM_PROTOCOL: Choice<UpstreamProtocol> = "upstreamProtocol" {
        kind: Choice {
            placeholder: "era",
            choices: &[
                ("legacy", UpstreamProtocol::Legacy),
                ("auto", UpstreamProtocol::Auto),
                ("modern", UpstreamProtocol::Modern),
            ],
            default: ("legacy", UpstreamProtocol::Legacy),
        },
        short: "Protocol spoken to the server",
        help: "Protocol spoken to the server: legacy (up to 2025-11-25), auto (2026-07-28 if the \
               server supports it) or modern (2026-07-28 only)",
    }
    SHELL: Switch = "shell" {
        kind: Switch { default: false },
        short: "Run the command in the system shell",
        help: "Join the words of the command with spaces, without quotes, and run them in the \
               system shell",
    }

    CWD: PathName = "cwd" {
        kind: PathName::Directory,
        short: "Working directory of the server",
        help: "Working directory of the server",
    }
    ENV: List = "env" {
        kind: List { placeholder: "name=value" },
        short: "Set a variable for the server (repeatable)",
        help: "Set an environment variable for the server, in addition to those it inherits; \
               repeatable",
    }
    ENV_FILE: PathName = "envFile" {
        kind: PathName::File,
        short: "Set variables for the server from a file",
        help: "Set the environment variables in this file (NAME=value lines) for the server; --env \
               overrides it",
    }
    INHERIT_ENV: Switch = "inheritEnv" {
        kind: Switch { default: true },
        short: "Pass the proxy's environment to the server",
        help: "Pass the proxy's own environment to the server",
    }
    ISOLATION: Choice<Isolation> = "isolation" {
        kind: Choice {
            placeholder: "scope",
            choices: &[
                ("shared", Isolation::Shared),
                ("session", Isolation::Session),
                ("identity", Isolation::Identity),
                ("request", Isolation::Request),
            ],
            default: ("shared", Isolation::Shared),
        },
        short: "Who shares a server",
        help: "One server for all clients, one for each session, one for each identity (with --auth or \
               --authTokens), or one for each stateless request",
    }
    MAX_CHILDREN: Number = "maxChildren" {
        kind: Number::count(DEFAULT_MAX_CHILDREN).at_least(1),
        short: "Most servers running at a time",
        help: "Most servers running at a time if they are not shared; further clients get 503",
    }
    PREWARM: Number = "prewarm" {
        kind: Number::count(0).at_most(1024),
        short: "Servers to start ahead of their clients",
        help: "Servers to start before their clients come, if they are not shared",
    }
    CHILD_IDLE_TIMEOUT: Number = "childIdleTimeout" {
        kind: Number::millis(Duration::ZERO),
        short: "Stop a session's server when it is idle",
        help: "Stop the server of a session that has not used it for this long; the next request \
               of the session starts another. 0 keeps it as long as the session",
    }
    RESTART: Choice<RestartWhen> = "restart" {
        kind: Choice {
            placeholder: "when",
            choices: &[
                ("on-failure", RestartWhen::OnFailure),
                ("always", RestartWhen::Always),
                ("never", RestartWhen::Never),
            ],
            default: ("on-failure", RestartWhen::OnFailure),
        },
        short: "When to restart the server",
        help: "When to restart the server: on-failure (any exit but 0), always or never",
    }
    MAX_RESTARTS: Number = "maxRestarts" {
        kind: Number::count(DEFAULT_MAX_RESTARTS as usize).at_most(1_000_000),
        short: "Failed restarts before giving up",
        help: "Failed restarts in a row after which the proxy stops restarting the server; 0 never \
               stops",
    }
    RETRY_INTERVAL: Number = "retryInterval" {
        kind: Number::millis(DEFAULT_RETRY_INTERVAL),
        short: "Time between attempts after --maxRestarts",
        help: "Time between further attempts to start the server after --maxRestarts; 0 or \
               --exitOnChildDeath turns them off",
    }
    EXIT_ON_CHILD_DEATH: Switch = "exitOnChildDeath" {
        kind: Switch { default: false },
        short: "Exit when the server exits",
        help: "Exit with code 1 when the server exits; the server is restarted only if --restart is \
               given, too",
    }
    LISTEN_EARLY: Switch = "listenEarly" {
        kind: Switch { default: false },
        short: "Open the port before the server is ready",
        help: "Open the port before the server is ready; until then clients get 503",
    }

    ALLOW_TOOL: List = "allowTool" {
        kind: List { placeholder: "name,..." },
        short: "Serve only these tools",
        help: "Serve only the tools with these names, in lists and for calls; * stands for any \
               text \
               (\"get_*\"); repeatable",
    }
    IGNORE_TOOL: List = "ignoreTool" {
        kind: List { placeholder: "name,..." },
        short: "Do not serve these tools",
        help: "Do not serve the tools with these names, in lists and for calls; * stands for any \
               text (\"delete*\"); repeatable; overrides --allowTool",
    }
}
