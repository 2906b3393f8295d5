//! Many servers from a file.

use crate::args::kinds::{List, Pairs, Switch, Text};

flags! { Config:
    CONFIG: Text = "config" {
        kind: Text { placeholder: "file" },
        short: "Serve all servers of a file, or of a client",
        help: "Serve all servers in this file, or those that a client on this machine uses: \
               claude-code, claude-desktop, vscode, cursor, windsurf, gemini, codex, zed, cline, \
               roo; CLIENT:FILE says which client a file belongs to",
    }
    STDIO: Switch = "stdio" {
        kind: Switch { default: false },
        short: "Serve --config over standard input and output",
        help: "Serve the servers of --config over standard input and output instead of HTTP",
    }
    INPUT: List = "input" {
        kind: List { placeholder: "id=value" },
        short: "Value for ${input:id} in the file (repeatable)",
        help: "Value for ${input:id} in the file; without it, the environment variable of that \
               name is used, then the terminal asks; repeatable",
    }
    CHECK_CONFIG: Switch = "checkConfig" {
        kind: Switch { default: false },
        short: "Check the file of --config and exit",
        help: "Read the file of --config, print what it says and what is wrong with it, and exit \
               with 0 or 1; nothing is started",
    }
    CONFIG_SCHEMA: Switch = "configSchema" {
        kind: Switch { default: false },
        short: "Print the JSON Schema of the settings and exit",
        help: "Print the JSON Schema of the \"mcp-proxy\" blocks in the file of --config, and exit",
    }
    NAMED_SERVER: Pairs = "namedServer" {
        kind: Pairs { placeholder: "name command" },
        short: "Serve a command under a name (repeatable)",
        help: "Serve this command at /servers/NAME, as --named-server of PyPI mcp-proxy; \
               repeatable",
    }
    NAMED_SERVER_CONFIG: Text = "namedServerConfig" {
        kind: Text { placeholder: "file" },
        short: "--config as PyPI mcp-proxy calls it",
        help: "The same as --config FILE, under the name that PyPI mcp-proxy gives it; a command \
               may be given, too, and is served under the name default",
    }
}
