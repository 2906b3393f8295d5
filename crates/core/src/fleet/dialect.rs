//! The client whose format a file has: recognised by its content, and by its name if the content
//! leaves it open.

use std::fmt;

use super::{
    document::{Node, Source, Value},
    fault::{Fault, quoted},
};

/// A format for MCP servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// `mcpServers` without members of a particular client.
    Plain,
    /// Claude Desktop.
    ClaudeDesktop,
    /// Claude Code.
    ClaudeCode,
    /// VS Code: `servers` and `inputs`.
    VsCode,
    /// Cursor.
    Cursor,
    /// Windsurf: `serverUrl`.
    Windsurf,
    /// Zed: `context_servers`.
    Zed,
    /// Cline: `autoApprove`, seconds.
    Cline,
    /// Roo Code and Kilo Code: `alwaysAllow`, seconds.
    Roo,
    /// Gemini CLI: `httpUrl`, `$NAME`, milliseconds.
    Gemini,
    /// Codex: TOML, `mcp_servers`.
    Codex,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "mcpServers",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::VsCode => "VS Code",
            Self::Cursor => "Cursor",
            Self::Windsurf => "Windsurf",
            Self::Zed => "Zed",
            Self::Cline => "Cline",
            Self::Roo => "Roo Code",
            Self::Gemini => "Gemini CLI",
            Self::Codex => "Codex",
        })
    }
}

/// The members that contain servers, and what each of them says about the file.
const KEYS: [(&str, Dialect); 4] = [
    ("mcpServers", Dialect::Plain),
    ("servers", Dialect::VsCode),
    ("context_servers", Dialect::Zed),
    ("mcp_servers", Dialect::Codex),
];

/// Ends of paths, which are more reliable than members: `.cursor/mcp.json`.
const PATHS: [(&str, Dialect); 13] = [
    ("claude_desktop_config.json", Dialect::ClaudeDesktop),
    ("/.mcp.json", Dialect::ClaudeCode),
    ("/.claude.json", Dialect::ClaudeCode),
    ("/.cursor/mcp.json", Dialect::Cursor),
    ("/windsurf/mcp_config.json", Dialect::Windsurf),
    ("cline_mcp_settings.json", Dialect::Cline),
    ("/.cline/mcp.json", Dialect::Cline),
    ("/.roo/mcp.json", Dialect::Roo),
    ("/.kilocode/mcp.json", Dialect::Roo),
    ("/mcp_settings.json", Dialect::Roo),
    ("/.gemini/settings.json", Dialect::Gemini),
    ("/.codex/config.toml", Dialect::Codex),
    ("/.vscode/mcp.json", Dialect::VsCode),
];

/// Members of a server that only one client has.
const MARKS: [(&str, Dialect); 10] = [
    ("httpUrl", Dialect::Gemini),
    ("trust", Dialect::Gemini),
    ("includeTools", Dialect::Gemini),
    ("excludeTools", Dialect::Gemini),
    ("serverUrl", Dialect::Windsurf),
    ("autoApprove", Dialect::Cline),
    ("alwaysAllow", Dialect::Roo),
    ("headersHelper", Dialect::ClaudeCode),
    ("alwaysLoad", Dialect::ClaudeCode),
    ("auth", Dialect::Cursor),
];

/// Where the servers are in a file, and their format.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) dialect: Dialect,
    /// The member that contains the servers.
    pub(super) key: &'static str,
    pub(super) servers: &'a Node,
}

/// Recognises a file; `told` is the dialect that the user gave.
pub(super) fn recognise<'a>(
    top: &'a Node,
    source: &Source,
    told: Option<Dialect>,
) -> Result<Shape<'a>, Fault> {
    let Value::Table(members) = &top.value else {
        let message = format!("the file contains {}; it must be an object", top.kind());
        return Err(source.fault(top.at, message));
    };
    let known = |member: &&super::document::Member| KEYS.iter().any(|(key, _)| *key == member.name);
    let mut found = members.iter().filter(known);
    let Some(first) = found.next() else {
        return Err(source.whole(
            "no servers are in it; they are expected under mcpServers, servers (VS Code), \
             context_servers (Zed) or mcp_servers (Codex)"
                .to_owned(),
        ));
    };
    if let Some(second) = found.next() {
        let message = format!(
            "{} beside {} at {}: these are two clients' ways to list servers; keep one of them",
            quoted(&second.name),
            quoted(&first.name),
            source.position(first.at),
        );
        return Err(source.fault(second.at, message));
    }
    let Some(&(key, by_key)) = KEYS.iter().find(|(key, _)| *key == first.name) else {
        return Err(source.whole("no servers are in it".to_owned()));
    };
    let dialect = told.unwrap_or_else(|| match by_key {
        Dialect::Plain => by_path(source).or_else(|| by_marks(top, &first.node)).unwrap_or(by_key),
        _ => by_key,
    });
    Ok(Shape { dialect, key, servers: &first.node })
}

fn by_path(source: &Source) -> Option<Dialect> {
    let path = format!("/{}", source.file().replace('\\', "/"));
    PATHS.iter().find(|(end, _)| path.ends_with(end)).map(|(_, dialect)| *dialect)
}

/// The only client whose members are present; `None` if there are several, or none.
fn by_marks(top: &Node, servers: &Node) -> Option<Dialect> {
    let Value::Table(servers) = &servers.value else { return None };
    let of_gemini = top
        .get("mcp")
        .is_some_and(|mcp| mcp.get("allowed").is_some() || mcp.get("excluded").is_some());
    let on_top = of_gemini.then_some(Dialect::Gemini);
    let marks = servers.iter().flat_map(|server| {
        let spelled = server.node.get("type").and_then(|node| match &node.value {
            Value::Text(text) if text == "streamableHttp" => Some(Dialect::Cline),
            _ => None,
        });
        let marked = MARKS.iter().filter(|(mark, _)| server.node.get(mark).is_some());
        marked.map(|(_, dialect)| *dialect).chain(spelled)
    });
    let mut seen = on_top.into_iter().chain(marks);
    let first = seen.next()?;
    seen.all(|other| other == first).then_some(first)
}
