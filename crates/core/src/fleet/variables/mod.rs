//! `${…}` in the strings of a file.
//!
//! If a variable is not set, whatever uses it fails, so no server ever sees the text `${…}`. A
//! value is never expanded again, so a variable cannot refer to another one.

use std::{collections::BTreeMap, path::MAIN_SEPARATOR_STR};

use super::{
    dialect::Dialect,
    document::Source,
    fault::{Fault, quoted},
    members::Text,
};

/// Levels of defaults in defaults, `${A:-${B:-c}}`, that are expanded.
const DEEPEST: usize = 16;

/// Longest text that a string may become: 1 MiB.
const LONGEST: usize = 1024 * 1024;

/// The values of variables.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// `${input:id}`, by id: the value that was given or typed.
    pub inputs: BTreeMap<String, String>,
    /// `${workspaceFolder}`.
    pub workspace_folder: String,
    /// `${userHome}`.
    pub user_home: Option<String>,
}

/// A string of a file that is being expanded.
pub(super) struct Expansion<'a> {
    pub(super) source: &'a Source,
    pub(super) dialect: Dialect,
    pub(super) variables: &'a Variables,
    /// Whether `${claim:NAME}` stays as it is, for code that knows the caller.
    pub(super) keeps_claims: bool,
}

/// What stands between `${` and `}`.
struct Reference<'t> {
    inner: &'t str,
    /// What follows it.
    rest: &'t str,
}

impl Expansion<'_> {
    /// The expanded string, or which variable has no value, and where.
    pub(super) fn expand(&self, text: &Text) -> Result<String, Fault> {
        let mut expanded = String::with_capacity(text.value.len());
        self.append(&text.value, text, DEEPEST, &mut expanded)?;
        Ok(expanded)
    }

    /// `part` is the string or a default in it.
    fn append(
        &self,
        part: &str,
        whole: &Text,
        depth: usize,
        expanded: &mut String,
    ) -> Result<(), Fault> {
        let mut rest = part;
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            expanded.push_str(before);
            let after = from.get(1..).unwrap_or_default();
            if after.starts_with('{') {
                let fault = |problem: &str| self.fault(whole, from, problem);
                let Some(found) = reference(after) else {
                    return Err(fault("\"${\" is never closed"));
                };
                if depth == 0 {
                    return Err(fault("defaults are nested too deeply"));
                }
                self.put(&found, whole, depth, expanded)
                    .map_err(|problem| problem.or_else(|problem| fault(&problem)))?;
                rest = found.rest;
            } else if let Some((name, after)) = self.bare_name(after) {
                let value = self.variables.environment.get(name);
                let value = value.ok_or_else(|| self.fault(whole, from, &unset(name)))?;
                expanded.push_str(value);
                rest = after;
            } else {
                expanded.push('$');
                rest = after;
            }
            if expanded.len() > LONGEST {
                return Err(self.fault(whole, from, "the text becomes longer than 1 MiB"));
            }
        }
        expanded.push_str(rest);
        Ok(())
    }

    fn put(
        &self,
        reference: &Reference<'_>,
        whole: &Text,
        depth: usize,
        expanded: &mut String,
    ) -> Result<(), Problem> {
        let inner = reference.inner;
        if self.keeps_claims && inner.strip_prefix("claim:").is_some_and(is_claim) {
            expanded.extend(["${", inner, "}"]);
            return Ok(());
        }
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let value = self.value(name)?;
        match (value.filter(|value| default.is_none() || !value.is_empty()), default) {
            (Some(value), _) => expanded.push_str(value),
            (None, Some(default)) => {
                self.append(default, whole, depth - 1, expanded).map_err(Problem::Placed)?;
            }
            (None, None) => return Err(Problem::Here(absent(name))),
        }
        Ok(())
    }

    /// The value of a name; `None` if it is not set.
    fn value(&self, name: &str) -> Result<Option<&str>, Problem> {
        let environment = |name: &str| self.variables.environment.get(name).map(String::as_str);
        let folder = self.variables.workspace_folder.as_str();
        match name {
            "workspaceFolder" | "workspaceRoot" => return Ok(Some(folder)),
            "workspaceFolderBasename" => {
                return Ok(folder.rsplit(['/', '\\']).find(|part| !part.is_empty()));
            }
            "userHome" => return Ok(self.variables.user_home.as_deref()),
            "pathSeparator" | "/" => return Ok(Some(MAIN_SEPARATOR_STR)),
            _ => {}
        }
        match name.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(environment(name)),
            Some(("input", id)) => Ok(self.variables.inputs.get(id).map(String::as_str)),
            None if is_name(name) => Ok(environment(name)),
            _ => Err(Problem::Here(format!(
                "{} is not a variable that the proxy knows; it knows ${{NAME}}, ${{NAME:-default}}, \
                 ${{env:NAME}}, ${{input:id}}, ${{workspaceFolder}} and ${{userHome}}",
                quoted(&format!("${{{name}}}"))
            ))),
        }
    }

    /// The name after a `$` without braces.
    fn bare_name<'t>(&self, after: &'t str) -> Option<(&'t str, &'t str)> {
        if self.dialect != Dialect::Gemini {
            return None;
        }
        let end = after.find(|letter| !is_letter(letter)).unwrap_or(after.len());
        let (name, rest) = after.split_at(end);
        is_name(name).then_some((name, rest))
    }

    /// A fault at the `$` with which `from` begins.
    fn fault(&self, whole: &Text, from: &str, problem: &str) -> Fault {
        // `from` is a part of the string, which may be written with escapes: counts its dollars.
        let offset = (from.as_ptr() as usize).checked_sub(whole.value.as_ptr() as usize);
        let before = offset.and_then(|end| whole.value.get(..end)).unwrap_or_default();
        let written = self.source.text().get(whole.at..).unwrap_or_default();
        let dollar = written.match_indices('$').nth(before.matches('$').count());
        let at = dollar.map_or(0, |(at, _)| at);
        self.source.fault(whole.at + at, problem.to_owned())
    }
}

/// Why a reference has no value.
enum Problem {
    /// It was reported already, with its place.
    Placed(Fault),
    Here(String),
}

impl Problem {
    fn or_else(self, place: impl FnOnce(String) -> Fault) -> Fault {
        match self {
            Self::Placed(fault) => fault,
            Self::Here(problem) => place(problem),
        }
    }
}

fn absent(name: &str) -> String {
    match name.split_once(':') {
        Some(("env", name)) => unset(name),
        Some(("input", id)) => {
            let id = quoted(id);
            format!("the input {id} has no value; give it with --input or type it at the start")
        }
        _ => unset(name),
    }
}

fn unset(name: &str) -> String {
    format!("the variable {} is not set", quoted(name))
}

/// The reference that opens with `{`, up to its own closing brace.
fn reference(text: &str) -> Option<Reference<'_>> {
    let mut depth = 0_usize;
    let mut previous = b'$';
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if previous == b'$' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(Reference { inner: text.get(1..at)?, rest: text.get(at + 1..)? });
        }
        previous = byte;
    }
    None
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// What a shell accepts as a variable's name.
fn is_claim(name: &str) -> bool {
    !name.is_empty() && !name.contains(['$', '{', '}'])
}

fn is_name(name: &str) -> bool {
    name.chars().all(is_letter) && name.starts_with(|first: char| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests;
