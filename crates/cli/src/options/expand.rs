//! Variables in values: `${NAME}`, and `${NAME:-default}`.
//!
//! Clients that start the proxy pass its arguments on exactly as written in a file, where secrets
//! should not be.

use crate::args::UsageError;

/// The text with its variables replaced by `lookup`; `$${` stands for `${`.
pub(super) fn expand(
    flag: &'static str,
    text: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<String, UsageError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        if let Some(literal) = before.strip_suffix('$') {
            expanded.push_str(literal);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            return Err(UsageError::Variable { flag, problem: "\"${\" has no \"}\"".to_owned() });
        };
        expanded.push_str(&value(flag, inside, &lookup)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn value(
    flag: &'static str,
    inside: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<String, UsageError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    // The form that some editors use.
    let name = name.strip_prefix("env:").unwrap_or(name);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        let problem = "\"${\" and \"}\" must enclose the name of a variable".to_owned();
        return Err(UsageError::Variable { flag, problem });
    }
    let set = lookup(name).filter(|value| !value.is_empty() || default.is_none());
    set.or_else(|| default.map(str::to_owned)).ok_or_else(|| {
        let problem = format!("the variable {name} is not set");
        UsageError::Variable { flag, problem }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "TOKEN" => Some("t0k".to_owned()),
            "_x9" => Some("${TOKEN}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        expand("--header", text, lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_are_filled_in_once() {
        for (text, expected) in [
            ("Bearer ${TOKEN}", "Bearer t0k"),
            ("${TOKEN}", "t0k"),
            ("${TOKEN}${TOKEN}-", "t0kt0k-"),
            ("${env:TOKEN}", "t0k"),
            ("${_x9}", "${TOKEN}"),
            ("${EMPTY}", ""),
            ("${EMPTY:-d}", "d"),
            ("${NONE:-d e}", "d e"),
            ("${NONE:-}", ""),
            ("${TOKEN:-d}", "t0k"),
            ("$${TOKEN}", "${TOKEN}"),
            ("$TOKEN $ {x} $$ }", "$TOKEN $ {x} $$ }"),
            ("", ""),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_is_refused_by_name_and_without_values() {
        for (text, problem) in [
            ("Bearer ${NONE}", "the variable NONE is not set"),
            ("secret ${TOKEN", "has no"),
            ("${}", "name of a variable"),
            ("${a b}", "name of a variable"),
            ("${TOKEN:+x}", "name of a variable"),
            ("${ä}", "name of a variable"),
        ] {
            let refused = expanded(text).unwrap_err();
            assert!(refused.contains(problem) && refused.contains("--header"), "{text}: {refused}");
            assert!(!refused.contains("secret") && !refused.contains("t0k"), "{refused}");
        }
    }
}
