//! JSON as people write it: with comments and trailing commas.

use jsonc_parser::{
    CollectOptions, ParseOptions, ast, common::Ranged, errors::ParseError, parse_to_ast,
};

use super::{
    node::{Member, Node, Value, refuse_twins},
    source::Source,
};
use crate::fleet::fault::Fault;

/// The deviations from JSON that editors produce and clients accept; no others.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(super) fn read(source: &Source) -> Result<Node, Fault> {
    let broken = |error: ParseError| {
        let message = format!("this is not valid JSON: {}", sentence(&error));
        source.fault(error.range().start, message)
    };
    let parsed =
        parse_to_ast(source.text(), &CollectOptions::default(), &OPTIONS).map_err(broken)?;
    let value = parsed.value.ok_or_else(|| source.whole("the file is empty".to_owned()))?;
    node(value, source)
}

/// The library's message in lower case and without the place, which is printed before it.
fn sentence(error: &ParseError) -> String {
    let mut words = error.kind().to_string();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    words
}

/// The library limits the nesting.
fn node(value: ast::Value<'_>, source: &Source) -> Result<Node, Fault> {
    let at = value.range().start;
    let value = match value {
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::BooleanLit(literal) => Value::Boolean(literal.value),
        ast::Value::NumberLit(literal) => Value::Number(literal.value.to_owned()),
        ast::Value::StringLit(literal) => Value::Text(literal.value.into_owned()),
        ast::Value::Array(array) => Value::List(
            array
                .elements
                .into_iter()
                .map(|value| node(value, source))
                .collect::<Result<_, _>>()?,
        ),
        ast::Value::Object(object) => Value::Table(members(object, source)?),
    };
    Ok(Node { value, at })
}

fn members(object: ast::Object<'_>, source: &Source) -> Result<Vec<Member>, Fault> {
    let member = |property: ast::ObjectProp<'_>| {
        let at = property.range.start;
        let node = node(property.value, source)?;
        Ok(Member { name: property.name.into_string(), at, node })
    };
    let members: Vec<Member> =
        object.properties.into_iter().map(member).collect::<Result<_, _>>()?;
    refuse_twins(&members, source)?;
    Ok(members)
}
