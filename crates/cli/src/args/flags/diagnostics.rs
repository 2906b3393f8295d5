//! What the proxy shows of itself.

use mcp_proxy_core::Form;
use mcp_proxy_core::config::{
    DEFAULT_METRICS_HOST, DEFAULT_RECORD_MAX_FILES, DEFAULT_RECORD_MAX_SIZE,
};

use crate::args::kinds::{Choice, Host, List, Number, PathName, Port, Switch};
use crate::telemetry::{Format, Level};

flags! { Diagnostics:
    DEBUG: Switch = "debug" {
        kind: Switch { default: false },
        short: "Show messages on stderr",
        help: "Show all messages on stderr, and what the proxy does",
    }
    LOG_LEVEL: Choice<Level> = "logLevel" {
        kind: Choice {
            placeholder: "level",
            choices: Level::CHOICES,
            default: ("warn", Level::Warn),
        },
        short: "Least serious events to log",
        help: "Least serious events to log on stderr; RUST_LOG sets it for each part of the proxy",
    }
    LOG_FORMAT: Choice<Format> = "logFormat" {
        kind: Choice {
            placeholder: "format",
            choices: Format::CHOICES,
            default: ("text", Format::Text),
        },
        short: "Format of the log",
        help: "Format of the log on stderr: text, or one JSON object per line (the lines of the \
               server included)",
    }
    INSPECT: Switch = "inspect" {
        kind: Switch { default: false },
        short: "Show live traffic in a browser",
        help: "Show live traffic on a separate page; the start prints its URL, which only works \
               on this machine (docs/inspecting.md)",
    }
    INSPECT_PORT: Port = "inspectPort" {
        kind: Port,
        short: "Port of the inspection page",
        help: "Port of the inspection page on 127.0.0.1; the system chooses one by default. Turns \
               --inspect on",
    }
    INSPECT_RAW: Switch = "inspectRaw" {
        kind: Switch { default: false },
        short: "Show secrets on the inspection page",
        help: "Show keys, tokens and passwords on the inspection page, which hides them otherwise",
    }
    RECORD: PathName = "record" {
        kind: PathName::File,
        short: "Record all messages in this file",
        help: "Record in this file every message that passes, without the secrets that it \
               recognises (docs/recording.md)",
    }
    RECORD_MAX_SIZE: Number = "recordMaxSize" {
        kind: Number::bytes(DEFAULT_RECORD_MAX_SIZE).at_least(1024),
        short: "Start another part at this size",
        help: "Size at which a recording starts another part; full parts are FILE.1 (the newest), \
               FILE.2 and so on",
    }
    RECORD_MAX_FILES: Number = "recordMaxFiles" {
        kind: Number::count(DEFAULT_RECORD_MAX_FILES).at_least(1),
        short: "Most parts of a recording",
        help: "Parts of a recording to keep; the oldest is deleted first",
    }
    REPLAY: PathName = "replay" {
        kind: PathName::File,
        short: "Serve a recording",
        help: "Serve this recording in place of a server: each request gets its recorded answer; \
               with --stdio, over standard input and output",
    }
    REPLAY_SPEED: Number = "replaySpeed" {
        kind: Number::count(1),
        short: "How many times faster to replay",
        help: "How many times faster than recorded to replay; 0 makes no pauses",
    }
    VERIFY: PathName = "verify" {
        kind: PathName::File,
        short: "Compare a server with a recording",
        help: "Make the calls of this recording again and print which answers differ; exits with 1 \
               if any do",
    }
    VERIFY_REPORT: Choice<Form> = "verifyReport" {
        kind: Choice {
            placeholder: "form",
            choices: &[("text", Form::Text), ("tap", Form::Tap), ("junit", Form::Junit)],
            default: ("text", Form::Text),
        },
        short: "Format of the report of --verify",
        help: "Format of the report of --verify",
    }
    MAY_DIFFER: List = "mayDiffer" {
        kind: List { placeholder: "path" },
        short: "Value that may differ from the recording",
        help: "Value that may differ from the recording, for --replay and --verify: a name, a \
               path (/result/content/*/text, $.params.arguments.date), @timestamp, @uuid or \
               @number; repeatable",
    }
    REDACT: List = "redact" {
        kind: List { placeholder: "path" },
        short: "Also hide this value",
        help: "Also hide the value of this name (ssn) or path (/params/arguments/pin, \
               $.result.content.*.text) in recordings and on the inspection page; repeatable",
    }
    METRICS_PORT: Port = "metricsPort" {
        kind: Port,
        short: "Serve metrics and health on this port",
        help: "Serve Prometheus metrics (/metrics) and health on a separate port",
    }
    METRICS_HOST: Host = "metricsHost" {
        kind: Host { default: DEFAULT_METRICS_HOST },
        short: "Address of the metrics port",
        help: "Host name or address of the metrics port",
    }
    METRICS: Switch = "metrics" {
        kind: Switch { default: false },
        short: "Serve /metrics on the client port",
        help: "Serve /metrics on the client port (requires --apiKey, --auth or --authTokens)",
    }
    TRACE_CONTEXT: Switch = "traceContext" {
        kind: Switch { default: false },
        short: "Pass trace context to the server",
        help: "Copy traceparent, tracestate and baggage of HTTP requests into the _meta of messages \
               that have none",
    }
}
