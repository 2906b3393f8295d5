//! Which parts of a server are served: `tools`, `prompts` and `resources` in its block.

use std::collections::BTreeMap;

use super::{
    document::{Node, Value},
    fault::{Fault, quoted, suggestion},
    members::Members,
};
use crate::config::{Filter, Pattern, Rules, ToolRules};

const NO_VARIABLES: &str = "variables are not expanded in fixed arguments";

pub(super) fn read(block: &Members<'_>) -> Result<Rules, Fault> {
    let part = |name: &str| {
        let Some(member) = block.get(name) else { return Ok(None) };
        Members::of(&member.node, &block.path(name), block.source).map(Some)
    };
    Ok(Rules {
        tools: part("tools")?.map(|part| tools(&part)).transpose()?.unwrap_or_default(),
        prompts: part("prompts")?.map(|part| only_filter(&part)).transpose()?.unwrap_or_default(),
        resources: part("resources")?
            .map(|part| only_filter(&part))
            .transpose()?
            .unwrap_or_default(),
    })
}

/// Members of the rules for tools.
pub(super) const OF_TOOLS: [&str; 5] = ["allow", "deny", "rename", "describe", "arguments"];

fn tools(part: &Members<'_>) -> Result<ToolRules, Fault> {
    refuse_unknown(part, &OF_TOOLS)?;
    let rename = names(part, "rename")?;
    let mut taken = BTreeMap::new();
    for (old, new) in &rename {
        if let Some(other) = taken.insert(new, old) {
            let message = format!(
                "{} and {} are both renamed to {}",
                quoted(other),
                quoted(old),
                quoted(new)
            );
            return Err(part.source.fault(part.at, message));
        }
    }
    Ok(ToolRules {
        filter: filter(part)?,
        rename,
        describe: names(part, "describe")?,
        arguments: arguments(part)?,
    })
}

fn only_filter(part: &Members<'_>) -> Result<Filter, Fault> {
    refuse_unknown(part, &OF_TOOLS[..2])?;
    filter(part)
}

fn refuse_unknown(part: &Members<'_>, known: &[&str]) -> Result<(), Fault> {
    let unknown = part.all().iter().find(|member| !known.contains(&member.name.as_str()));
    let Some(member) = unknown else { return Ok(()) };
    let message = format!(
        "{} is unknown{}",
        quoted(&part.path(&member.name)),
        suggestion(&member.name, known.iter().copied())
    );
    Err(part.source.fault(member.at, message))
}

fn filter(part: &Members<'_>) -> Result<Filter, Fault> {
    let globs = |name| {
        let texts = part.texts(name)?;
        Ok(texts.map(|texts| texts.into_iter().map(|text| Pattern::Glob(text.value)).collect()))
    };
    let allow: Option<Vec<Pattern>> = globs("allow")?;
    Ok(Filter { allow: allow.into_iter().collect(), deny: globs("deny")?.unwrap_or_default() })
}

/// Non-empty names, each with a text.
fn names(part: &Members<'_>, name: &str) -> Result<BTreeMap<String, String>, Fault> {
    let mut map = BTreeMap::new();
    for (key, value) in part.pairs(name)? {
        if key.value.is_empty() || (name == "rename" && value.value.is_empty()) {
            let message = format!("{} holds an empty name", quoted(&part.path(name)));
            return Err(part.source.fault(key.at, message));
        }
        map.insert(key.value, value.value);
    }
    Ok(map)
}

fn arguments(part: &Members<'_>) -> Result<BTreeMap<String, BTreeMap<String, String>>, Fault> {
    let Some(member) = part.get("arguments") else { return Ok(BTreeMap::new()) };
    let tools = Members::of(&member.node, &part.path("arguments"), part.source)?;
    let tool = |member: &super::document::Member| {
        let fixed = Members::of(&member.node, &tools.path(&member.name), part.source)?;
        let fixed = fixed.all().iter().map(|member| {
            refuse_variables(&member.node, part, NO_VARIABLES)?;
            Ok((member.name.clone(), json(&member.node)))
        });
        Ok((member.name.clone(), fixed.collect::<Result<_, Fault>>()?))
    };
    tools.all().iter().map(tool).collect()
}

/// A server must never see the text `${…}`, and variables are not expanded here.
pub(super) fn refuse_variables(
    node: &Node,
    part: &Members<'_>,
    why: &'static str,
) -> Result<(), Fault> {
    let mut parts: Box<dyn Iterator<Item = &Node>> = match &node.value {
        Value::Text(text) if text.contains("${") => {
            return Err(part.source.fault(node.at, why.to_owned()));
        }
        Value::List(list) => Box::new(list.iter()),
        Value::Table(members) => Box::new(members.iter().map(|member| &member.node)),
        _ => return Ok(()),
    };
    parts.try_for_each(|node| refuse_variables(node, part, why))
}

/// A value as JSON without spaces.
pub(super) fn json(node: &Node) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Boolean(is) => is.to_string(),
        Value::Number(number) => number.clone(),
        Value::Text(value) => text(value),
        Value::List(list) => format!("[{}]", list.iter().map(json).collect::<Vec<_>>().join(",")),
        Value::Table(members) => {
            let member = |member: &super::document::Member| {
                format!("{}:{}", text(&member.name), json(&member.node))
            };
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}
