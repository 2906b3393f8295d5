//! The part of a list that clients see under a server's rules: pure.

use super::{
    lists::{Kind, Listed},
    ruling::Ready,
};
use crate::jsonrpc::{
    Cuts, Edit, Message, Span, elements, escape, find_member, find_removal, members, string_text,
};

/// Replacements within a list, in ascending order.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<(Span, String)>);

impl Changes {
    pub(super) fn edits(&self) -> impl Iterator<Item = Edit<'_>> {
        self.0.iter().map(|(span, with)| Edit { span: *span, with: with.as_bytes() })
    }
}

/// Turns a server's list into the list for its clients.
pub(super) fn shown(rules: &Ready, listed: Listed, response: &Message) -> Changes {
    let bytes = response.bytes();
    let mut changes = Vec::new();
    let list = response.result().and_then(|result| find_member(bytes, result, listed.key));
    let Some(list) = list else { return Changes::default() };
    let (mut cuts, mut cut) = (Cuts::default(), Vec::new());
    for entry in elements(bytes, list) {
        let name = find_member(bytes, entry, listed.named_by);
        let own = name.and_then(|span| string_text(response.text(span)));
        // An entry without a name cannot be used.
        if !own.as_ref().is_some_and(|own| rules.shows(listed.kind, own)) {
            cuts.goes(entry);
            continue;
        }
        cuts.stays(entry, &mut cut);
        if let (Kind::Tool, Some(span), Some(own)) = (listed.kind, name, own) {
            tool(rules, response, entry, (span, &own), &mut changes);
        }
    }
    cuts.end(&mut cut);
    changes.extend(cut.iter().map(|edit| (edit.span, String::new())));
    changes.sort_by_key(|(span, _)| (span.start, span.end));
    Changes(changes)
}

/// A tool's name, description and schema.
fn tool(
    rules: &Ready,
    response: &Message,
    entry: Span,
    (name, own): (Span, &str),
    changes: &mut Vec<(Span, String)>,
) {
    let Some(shown) = rules.shown_tool(own) else { return };
    if shown != own {
        changes.push((name, escape(shown)));
    }
    let bytes = response.bytes();
    if let Some(text) = rules.rules.tools.describe.get(shown) {
        if let Some(span) = find_member(bytes, entry, "description") {
            changes.push((span, escape(text)));
        } else {
            let start = entry.range().start + 1;
            let text = format!(r#""description":{},"#, escape(text));
            changes.push((Span::new(start, start), text));
        }
    }
    let Some(fixed) = rules.rules.tools.arguments.get(shown) else { return };
    let Some(schema) = find_member(bytes, entry, "inputSchema") else { return };
    let is_fixed = |name: &str| fixed.contains_key(name);
    let mut cut = Vec::new();
    if let Some(properties) = find_member(bytes, schema, "properties") {
        let mut cuts = Cuts::default();
        for property in members(bytes, properties) {
            if is_fixed(&property.name()) {
                cuts.goes(property.whole());
            } else {
                cuts.stays(property.whole(), &mut cut);
            }
        }
        cuts.end(&mut cut);
    }
    if let Some(required) = find_member(bytes, schema, "required") {
        let mut cuts = Cuts::default();
        let mut inner = Vec::new();
        for name in elements(bytes, required) {
            if string_text(response.text(name)).is_some_and(|name| is_fixed(&name)) {
                cuts.goes(name);
            } else {
                cuts.stays(name, &mut inner);
            }
        }
        if cuts.end(&mut inner) {
            cut.append(&mut inner);
        } else if let Some(whole) = find_removal(bytes, schema, "required") {
            // Older validators refuse an empty list.
            cut.push(Edit { span: whole, with: b"" });
        }
    }
    changes.extend(cut.iter().map(|edit| (edit.span, String::new())));
}
