//! Wraps output schemas whose root is not an object: they become a property of one.

use crate::jsonrpc::{Span, elements, find_member, members};

/// The text around a wrapped schema.
pub(super) const BEFORE: &str = r#"{"type":"object","properties":{"result":"#;
pub(super) const BEHIND: &str = r#"},"required":["result"]}"#;
/// Where the wrapped schema is, as seen from the root that its references mean.
pub(super) const PLACE: &str = "/properties/result";

/// Keywords whose values are data, not schemas.
const DATA: [&str; 4] = ["const", "default", "enum", "examples"];

/// Whether a schema says that it describes an object.
pub(super) fn is_of_object(text: &[u8], schema: Span) -> bool {
    find_member(text, schema, "type").is_some_and(|kind| kind.of(text) == b"\"object\"")
}

/// Keywords whose values map names to schemas; the names may equal keywords.
const MAPS: [&str; 5] =
    ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// Calls `found` with the position, after its `#`, of every reference to the schema's own root. A
/// schema with an `$id` is itself the root of its references. The scanner limits nesting.
pub(super) fn references(text: &[u8], schema: Span, found: &mut dyn FnMut(usize)) {
    for element in elements(text, schema) {
        references(text, element, found);
    }
    if find_member(text, schema, "$id").is_some_and(|id| id.of(text).first() == Some(&b'"')) {
        return;
    }
    for entry in members(text, schema) {
        let value = entry.value.of(text);
        if entry.is("$ref") && (value.starts_with(b"\"#/") || value == b"\"#\"") {
            found(entry.value.range().start + 2);
        } else if MAPS.iter().any(|name| entry.is(name)) {
            members(text, entry.value).for_each(|named| references(text, named.value, found));
        } else if !DATA.iter().any(|name| entry.is(name)) {
            references(text, entry.value, found);
        }
    }
}
