//! Compares a caller's claims with the required ones. Pure.

use serde_json::Value;

use super::Claims;

/// Whether the claims have one of the required values of each required claim.
pub(crate) fn holds(wanted: &[(String, Vec<String>)], claims: Option<&Claims>) -> bool {
    wanted.iter().all(|(name, values)| {
        let has = |value: &Value| is_one_of(value, values);
        match claims.and_then(|claims| claims.kept.get(name)) {
            Some(Value::Array(all)) => all.iter().any(has),
            Some(value) => has(value),
            None => false,
        }
    })
}

fn is_one_of(value: &Value, values: &[String]) -> bool {
    match value {
        Value::String(text) => values.contains(text),
        Value::Bool(_) | Value::Number(_) => values.contains(&value.to_string()),
        _ => false,
    }
}
