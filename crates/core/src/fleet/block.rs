//! The proxy's own settings, under the key `mcp-proxy`, which other clients ignore.

use super::{
    callers,
    document::{Node, Value},
    fault::{Fault, quoted},
    members::Members,
    rules,
    setting::{self, DraftSetting, Vocabulary},
};
use crate::config::{Policy, Rules};

/// The key.
pub(super) const KEY: &str = "mcp-proxy";

/// The members of a server's block that are not flags.
pub(super) const OF_SERVER: [&str; 7] =
    ["tools", "prompts", "resources", "required", "lazy", "sandbox", callers::KEY];

/// The members of the block at the top that are not flags.
pub(super) const OF_TOP: [&str; 2] = ["groups", "$schema"];

/// The block of one server.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) settings: Vec<DraftSetting>,
    pub(super) rules: Rules,
    pub(super) policy: Policy,
    pub(super) required: bool,
    pub(super) lazy: bool,
    /// The client would run the server in a sandbox, which may be left out.
    pub(super) ignores_sandbox: bool,
}

/// Reads the block of a server, if it has one.
pub(super) fn of_server(server: &Members<'_>, vocabulary: &Vocabulary) -> Result<Block, Fault> {
    let Some(member) = server.get(KEY) else { return Ok(Block::default()) };
    let block = Members::of(&member.node, &server.path(KEY), server.source)?;
    Ok(Block {
        settings: setting::read(&block, &vocabulary.server, &OF_SERVER)?,
        rules: rules::read(&block)?,
        policy: callers::of_server(&block)?,
        required: block.boolean("required")?.unwrap_or(false),
        lazy: block.boolean("lazy")?.unwrap_or(false),
        ignores_sandbox: ignores_sandbox(&block)?,
    })
}

fn ignores_sandbox(block: &Members<'_>) -> Result<bool, Fault> {
    match block.text("sandbox")? {
        None => Ok(false),
        Some(text) if text.value == "ignore" => Ok(true),
        Some(text) => {
            let message = format!("sandbox is {}; it can only be \"ignore\"", quoted(&text.value));
            Err(block.source.fault(text.at, message))
        }
    }
}

/// The block at the top.
#[derive(Debug, Default)]
pub(super) struct TopBlock {
    pub(super) settings: Vec<DraftSetting>,
    pub(super) groups: Vec<Group>,
    /// For the callers of all servers.
    pub(super) policy: Policy,
}

/// A name for some of the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) servers: Vec<String>,
}

/// Reads the block at the top, if there is one; groups may use the names in `servers`.
pub(super) fn of_top(
    top: &Members<'_>,
    vocabulary: &Vocabulary,
    servers: &Node,
) -> Result<TopBlock, Fault> {
    let Some(member) = top.get(KEY) else { return Ok(TopBlock::default()) };
    let block = Members::of(&member.node, KEY, top.source)?;
    let mut others = OF_TOP.to_vec();
    others.extend(callers::is_object(&block).then_some(callers::KEY));
    let mut settings = setting::read(&block, &vocabulary.top, &others)?;
    let (further, policy) = callers::of_top(&block, vocabulary)?;
    settings.extend(further);
    Ok(TopBlock { settings, groups: groups(&block, servers)?, policy })
}

fn groups(block: &Members<'_>, servers: &Node) -> Result<Vec<Group>, Fault> {
    let Some(member) = block.get("groups") else { return Ok(Vec::new()) };
    let groups = Members::of(&member.node, &block.path("groups"), block.source)?;
    let group = |name: &str, at: usize| {
        if matches!(name, "" | "." | "..") {
            let message = format!("a group cannot be served under the name {}", quoted(name));
            return Err(block.source.fault(at, message));
        }
        let names = groups.texts(name)?.unwrap_or_default();
        if let Some(unknown) = names.iter().find(|name| servers.get(&name.value).is_none()) {
            let Value::Table(known) = &servers.value else { return Ok(None) };
            let message = format!(
                "the group {} names the server {}, which is not in the file{}",
                quoted(name),
                quoted(&unknown.value),
                super::fault::suggestion(&unknown.value, known.iter().map(|m| m.name.as_str())),
            );
            return Err(block.source.fault(unknown.at, message));
        }
        let mut servers: Vec<String> = Vec::new();
        for name in names {
            if !servers.contains(&name.value) {
                servers.push(name.value);
            }
        }
        Ok(Some(Group { name: name.to_owned(), servers }))
    };
    let read = groups.all().iter().map(|member| group(&member.name, member.at));
    Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
