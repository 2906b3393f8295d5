//! TOML, as Codex keeps its servers.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    node::{Member, Node, Value},
    source::Source,
};
use crate::fleet::fault::Fault;

pub(super) fn read(source: &Source) -> Result<Node, Fault> {
    let broken = |error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        let message = error.message().lines().next().unwrap_or_default();
        source.fault(at, format!("this is not valid TOML: {message}"))
    };
    let table = DeTable::parse(source.text()).map_err(broken)?;
    Ok(Node { value: Value::Table(members(table.into_inner())), at: 0 })
}

/// Restores the order of the file, which the library does not keep. The library refuses repeated
/// names and limits the nesting.
fn members(table: DeTable<'_>) -> Vec<Member> {
    let member = |(name, value): (Spanned<DeString<'_>>, Spanned<DeValue<'_>>)| Member {
        at: name.span().start,
        node: node(value),
        name: name.into_inner().into_owned(),
    };
    let mut members: Vec<Member> = table.into_iter().map(member).collect();
    members.sort_by_key(|member| member.at);
    members
}

fn node(value: Spanned<DeValue<'_>>) -> Node {
    let at = value.span().start;
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Number(number.to_string()),
            Err(_) => Value::Text(number.as_str().to_owned()),
        },
        // `inf` and `nan` are numbers only in TOML.
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Number(number.to_string()),
            _ => Value::Text(number.as_str().to_owned()),
        },
        DeValue::Boolean(is) => Value::Boolean(is),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(array) => Value::List(array.into_iter().map(node).collect()),
        DeValue::Table(table) => Value::Table(members(table)),
    };
    Node { value, at }
}
