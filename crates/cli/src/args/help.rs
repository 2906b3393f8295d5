//! What `-h`, `--help` and `--help <topic>` print.
//!
//! `-h` shows the flags that people start with; `--help` shows everything, or the section or flag
//! after it.

use clap::Arg;

use crate::args::{
    flag::{Definition, Section, Shape, kebab, variable},
    flags,
    grammar::{command, negated, shown},
};

/// The flags that people start with.
const FIRST: [&str; 13] = [
    "port",
    "host",
    "config",
    "apiKey",
    "isolation",
    "restart",
    "stateless",
    "env",
    "cwd",
    "header",
    "bearerToken",
    "tunnel",
    "debug",
];

const ABOUT: &str = "Serve MCP servers that speak stdio over Streamable HTTP and SSE, or remote servers over stdio.";

const USAGE: &str = "mcp-proxy [options] [--] <command> [args...]\n       mcp-proxy [options] <url>\n       mcp-proxy [options] --config <file>";

const TEMPLATE: &str = "{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}";

const AFTER_FIRST: &str = "\
More:
  --help              All flags
  --help <section>    One section: serving, config, upstream, remote, security,
                      sessions, replicas, limits, timeouts, tunnel, calling,
                      diagnostics
  --help <flag>       One flag, for example: --help isolation

Examples:
  mcp-proxy npx -y @modelcontextprotocol/server-everything
  mcp-proxy --port 3000 --apiKey \"$KEY\" -- node server.js --verbose
  mcp-proxy https://example.com/mcp
  mcp-proxy --config mcp.json";

const AFTER: &str = "\
Spelling:
  --sseEndpoint /x, --sseEndpoint=/x, --sse-endpoint /x and the variable
  MCP_PROXY_SSE_ENDPOINT=/x mean the same; a flag overrides its variable.
  --no-x turns a switch off. MCP_PROXY_COMMAND is used if there is no command.

Examples:
  mcp-proxy npx -y @modelcontextprotocol/server-everything
  mcp-proxy --port 3000 --apiKey \"$KEY\" -- node server.js --verbose
  mcp-proxy --server stream --endpoint /tools --stateless -- uvx mcp-server-time
  MCP_PROXY_HOST=127.0.0.1 mcp-proxy python server.py
  mcp-proxy https://example.com/mcp --headerFile ~/.example-headers
  mcp-proxy https://example.com/mcp --port 8080 --apiKey \"$KEY\"
  mcp-proxy --list -- node server.js
  mcp-proxy --call add a=1 b=2 -- node server.js

  mcp-proxy --config .vscode/mcp.json --checkConfig
  mcp-proxy --config cursor --stdio";

/// The text of `-h`.
pub(super) fn first() -> String {
    let args = FIRST.iter().filter_map(|name| flags::named(&format!("--{name}"))).map(|flag| {
        shown(flag, format!("{}{}", flag.short(), standard(flag))).help_heading("Options")
    });
    page(args, AFTER_FIRST, true, 80)
}

/// The text of `--help`, as wide as the terminal.
pub(super) fn everything() -> String {
    page(flags::ALL.iter().map(|flag| described(*flag)), AFTER, false, 120)
}

/// The text of `--help <topic>`, if the topic names a section or a flag.
pub(super) fn about(topic: &str) -> Option<String> {
    let name = format!("--{}", topic.trim_start_matches('-'));
    if let Some(flag) = flags::named(&name) {
        return Some(one(flag));
    }
    let in_section = |flag: &&&dyn Definition| is(flag.section(), topic);
    flags::ALL.iter().any(|flag| in_section(&flag)).then(|| {
        page(flags::ALL.iter().filter(in_section).map(|flag| described(*flag)), "", true, 120)
    })
}

fn is(section: Section, topic: &str) -> bool {
    section.heading().eq_ignore_ascii_case(topic)
}

fn page(args: impl Iterator<Item = Arg>, after: &'static str, bare: bool, width: usize) -> String {
    let hide = |arg: Arg| arg.hide(bare);
    command(args)
        .about(ABOUT)
        .override_usage(USAGE)
        .help_template(TEMPLATE)
        .after_help(after)
        .max_term_width(width)
        .mut_arg("help", hide)
        .mut_arg("version", hide)
        .render_help()
        .to_string()
}

fn described(flag: &dyn Definition) -> Arg {
    shown(flag, format!("{}{}{}", flag.help(), choices(flag), standard(flag)))
}

fn choices(flag: &dyn Definition) -> String {
    match flag.choices() {
        none if none.is_empty() => String::new(),
        choices => format!(" [choices: {}]", choices.join(", ")),
    }
}

fn standard(flag: &dyn Definition) -> String {
    match flag.default_shown() {
        None => String::new(),
        Some(default) if flag.shape() == Shape::Switch => {
            format!(" [default: {default}; --{} turns it off]", negated(flag.name()))
        }
        Some(default) => format!(" [default: {default}]"),
    }
}

/// Everything about one flag.
fn one(flag: &dyn Definition) -> String {
    let name = flag.name();
    let value = match flag.placeholder() {
        "" => String::new(),
        placeholder => format!(" <{placeholder}>"),
    };
    let kebab = match kebab(name) {
        same if same == name => String::new(),
        kebab => format!(", --{kebab}"),
    };
    let mut lines = vec![
        format!("--{name}{value}"),
        format!("  {}.", flag.help().trim_end_matches('.')),
        String::new(),
        format!("  Spelling: --{name}{kebab}, {}", variable(name)),
    ];
    if !flag.choices().is_empty() {
        lines.push(format!("  Choices:  {}", flag.choices().join(", ")));
    }
    if let Some(default) = flag.default_shown() {
        lines.push(format!("  Default:  {default}"));
    }
    lines.push(format!("  Section:  {}", flag.section().heading()));
    lines.join("\n") + "\n"
}
