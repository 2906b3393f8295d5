//! Variables for the server: `--env NAME=VALUE` and the lines of `--envFile`.

use std::{collections::BTreeMap, ffi::OsString, fs};

use crate::args::{UsageError, Values, flags};

/// The server's variables besides the inherited ones.
pub(super) fn variables(values: &Values) -> Result<BTreeMap<OsString, OsString>, UsageError> {
    let mut variables = BTreeMap::new();
    if let Some(path) = values.of(&flags::ENV_FILE)? {
        let shown = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| UsageError::EnvFile {
            path: shown.clone(),
            problem: error.to_string(),
        })?;
        let read = lines(&text).map_err(|number| UsageError::EnvFile {
            path: shown,
            problem: format!("line {number} is not NAME=value"),
        })?;
        variables.extend(read.into_iter().map(|(name, value)| (name.into(), value.into())));
    }
    for given in values.of(&flags::ENV)? {
        let pair = given.split_once('=').filter(|(name, _)| is_name(name));
        let (name, value) = pair.ok_or_else(|| UsageError::EnvPair(name_of(&given)))?;
        variables.insert(name.into(), value.into());
    }
    Ok(variables)
}

/// The part of a refused pair that may be shown: never its value.
fn name_of(given: &str) -> String {
    given.split('=').next().unwrap_or_default().to_owned()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::is_whitespace) && !name.contains('\0')
}

/// The pairs of an environment file, or the number of the first line that is not a pair.
///
/// Empty lines and lines that begin with `#` are skipped, `export ` before a name is ignored, and a
/// value in matching quotes is used without them, exactly as written.
fn lines(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut pairs = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line.split_once('=').ok_or(index + 1)?;
        let name = name.trim_end();
        if !is_name(name) {
            return Err(index + 1);
        }
        pairs.push((name.to_owned(), unquoted(value.trim_start()).to_owned()));
    }
    Ok(pairs)
}

fn unquoted(value: &str) -> &str {
    let within = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_line_by_line() {
        let text = "\u{feff}# comment\n\nA=1\r\nexport B = \"two words\"\nC='#3'\nD=\nE=a=b # no\n";
        let expected = [("A", "1"), ("B", "two words"), ("C", "#3"), ("D", ""), ("E", "a=b # no")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(lines(text), Ok(expected.to_vec()));
    }

    #[test]
    fn the_line_at_fault_is_named() {
        assert_eq!(lines("A=1\n\nnonsense\n"), Err(3));
        assert_eq!(lines("=x"), Err(1));
        assert_eq!(lines("a b=x"), Err(1));
    }

    #[test]
    fn a_quote_alone_is_a_value() {
        assert_eq!(lines("A=\""), Ok(vec![("A".to_owned(), "\"".to_owned())]));
    }
}
