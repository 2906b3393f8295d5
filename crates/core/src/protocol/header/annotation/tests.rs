use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use serde_json::json;

use super::*;

fn found(schema: &Value) -> Vec<(String, String, ParameterKind)> {
    mirrored_parameters(schema)
        .unwrap()
        .into_iter()
        .map(|parameter| (parameter.header, parameter.path.join("."), parameter.kind))
        .collect()
}

fn problem(schema: &Value) -> String {
    mirrored_parameters(schema).unwrap_err().to_string()
}

#[test]
fn annotated_properties_are_found_at_any_depth() {
    let schema = json!({ "type": "object", "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" },
        "query": { "type": "string" },
        "options": { "type": "object", "properties": {
            "limit": { "type": "integer", "x-mcp-header": "Limit" },
            "deep": { "properties": { "dry": { "type": "boolean", "x-mcp-header": "dry-run" } } },
        } },
    } });
    assert_eq!(
        found(&schema),
        [
            ("Mcp-Param-dry-run".to_owned(), "options.deep.dry".to_owned(), ParameterKind::Boolean),
            ("Mcp-Param-Limit".to_owned(), "options.limit".to_owned(), ParameterKind::Integer),
            ("Mcp-Param-Region".to_owned(), "region".to_owned(), ParameterKind::String),
        ]
    );
}

#[test]
fn a_schema_without_annotations_mirrors_nothing() {
    for schema in [json!({}), json!(true), json!(null), json!({ "properties": [1] })] {
        assert_eq!(found(&schema), []);
    }
}

#[test]
fn what_only_looks_like_an_annotation_is_none() {
    let schema = json!({
        "properties": { "x-mcp-header": { "type": "string" } },
        "default": { "x-mcp-header": "Not mine" },
        "examples": [{ "x-mcp-header": 1 }],
        "required": ["x-mcp-header"],
    });
    assert_eq!(found(&schema), []);
}

#[test]
fn names_must_be_tokens() {
    let named =
        |name: Value| json!({ "properties": { "a": { "type": "string", "x-mcp-header": name } } });
    for name in [json!(""), json!("a b"), json!("a:b"), json!("ü"), json!("a\r\nb"), json!("(a)")]
    {
        assert!(problem(&named(name)).ends_with("is not an HTTP token"));
    }
    for name in [json!(1), json!(null), json!(["a"])] {
        assert_eq!(problem(&named(name)), "x-mcp-header at a: the name is not a string");
    }
    assert_eq!(found(&named(json!("!#$%&'*+-.^_`|~09azAZ"))).len(), 1);
}

#[test]
fn names_must_differ_in_more_than_case() {
    let schema = json!({ "properties": {
        "a": { "type": "string", "x-mcp-header": "Region" },
        "b": { "properties": { "c": { "type": "string", "x-mcp-header": "REGION" } } },
    } });
    assert_eq!(
        problem(&schema),
        r#"x-mcp-header at b.c: "Mcp-Param-REGION" is the name of another parameter's header"#
    );
}

#[test]
fn only_three_types_can_be_mirrored() {
    for kind in [
        json!("number"),
        json!("object"),
        json!("array"),
        json!("null"),
        json!(["string", "null"]),
        json!(["string"]),
        json!(null),
    ] {
        let schema = json!({ "properties": { "a": { "type": kind, "x-mcp-header": "A" } } });
        assert!(problem(&schema).ends_with("not exactly string, integer or boolean"));
    }
    let untyped = json!({ "properties": { "a": { "x-mcp-header": "A" } } });
    assert!(problem(&untyped).ends_with("not exactly string, integer or boolean"));
}

#[test]
fn an_annotation_off_the_chain_of_properties_invalidates_the_tool() {
    let annotated = json!({ "type": "string", "x-mcp-header": "A" });
    let inside = json!({ "properties": { "a": annotated } });
    let mut schemas = vec![annotated.clone()];
    for keyword in SCHEMAS {
        for inner in [&annotated, &inside] {
            schemas.push(json!({ keyword: inner }));
            schemas.push(json!({ keyword: [true, inner] }));
            schemas.push(json!({ "properties": { "p": { keyword: inner } } }));
        }
    }
    for keyword in SCHEMA_MAPS {
        for inner in [&annotated, &inside] {
            schemas.push(json!({ keyword: { "name": inner } }));
            schemas.push(json!({ "properties": { "p": { keyword: { "name": inner } } } }));
        }
    }
    for schema in schemas {
        assert!(problem(&schema).ends_with("through `properties` alone"), "{schema}");
    }
}

#[test]
fn the_problem_names_its_place() {
    let annotated = json!({ "type": "string", "x-mcp-header": "A" });
    assert!(problem(&annotated).starts_with("x-mcp-header at the root: "));
    let nested = json!({ "properties": { "list": { "items": annotated } } });
    assert!(problem(&nested).starts_with("x-mcp-header at list.items: "));
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        Just(json!({ "type": "string" })),
        "[a-z ]{0,3}".prop_map(|name| json!({ "type": "string", "x-mcp-header": name })),
        Just(json!({ "type": "number", "x-mcp-header": "n" })),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let keyword = prop_oneof![Just("properties"), Just("$defs"), Just("items"), Just("anyOf")];
        (keyword, proptest::collection::vec(inner, 1..4)).prop_map(|(keyword, schemas)| {
            let named =
                schemas.iter().enumerate().map(|(n, schema)| (n.to_string(), schema.clone()));
            match keyword {
                "anyOf" => json!({ keyword: schemas }),
                "items" => json!({ keyword: schemas[0] }),
                _ => json!({ keyword: named.collect::<Map<_, _>>() }),
            }
        })
    })
}

proptest! {
    #[test]
    fn whatever_is_found_is_valid_and_where_it_says(schema in schemas()) {
        let Ok(parameters) = mirrored_parameters(&schema) else { return Ok(()) };
        for parameter in parameters {
            let place = parameter.path.iter().fold(&schema, |inner, name| &inner["properties"][name]);
            let name = place[ANNOTATION].as_str().unwrap();
            prop_assert!(is_token(name));
            prop_assert!(parameter.header.ends_with(name));
        }
    }
}
