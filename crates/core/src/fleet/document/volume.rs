//! How many values a file has, counted before a tree is made of it: a tree costs more than its text.

use super::source::Source;
use crate::fleet::fault::Fault;

/// Most values of a short file. One with a hundred servers has about 2,000.
const MOST: usize = 30_000;
/// Bytes of a longer file for each further value.
const BYTES: usize = 400;

/// Refuses a file with too many values.
pub(super) fn check(source: &Source, is_toml: bool) -> Result<(), Fault> {
    let text = source.text().as_bytes();
    let most = MOST + text.len() / BYTES;
    let Some(at) = place_of(text, is_toml, most) else { return Ok(()) };
    Err(source.fault(
        at,
        format!("the file has more than {most} values; put the servers into a file of their own"),
    ))
}

/// Where the first value beyond the limit begins. What separates values is counted, except in strings and comments.
fn place_of(text: &[u8], is_toml: bool, most: usize) -> Option<usize> {
    let (mut at, mut values) = (0, 0);
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        at += match byte {
            b'"' | b'\'' if is_toml => toml_string(rest, byte),
            b'"' => string(rest, b'"', true),
            b'#' if is_toml => until(rest, b"\n").saturating_sub(1).max(1),
            b'/' if !is_toml && rest.starts_with(b"//") => until(rest, b"\n"),
            b'/' if !is_toml && rest.starts_with(b"/*") => until(rest, b"*/"),
            b',' | b'[' | b'{' | b'=' => {
                values += 1;
                1
            }
            // Every line and every part of a name is kept while TOML is read.
            b'\n' | b'.' if is_toml => {
                values += 1;
                1
            }
            _ => 1,
        };
        if values > most {
            return Some(at - 1);
        }
    }
    None
}

/// The length of a string of TOML, which may go over lines.
fn toml_string(rest: &[u8], quote: u8) -> usize {
    let three = [quote; 3];
    if !rest.starts_with(&three) {
        return string(rest, quote, quote == b'"');
    }
    let mut at = 3;
    while let Some(found) = rest.get(at..) {
        if found.is_empty() || found.starts_with(&three) {
            return at + found.len().min(3);
        }
        at += if quote == b'"' && found.first() == Some(&b'\\') { 2 } else { 1 };
    }
    rest.len()
}

/// The length of a string on one line.
fn string(rest: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' if escapes => at += 2,
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length up to this, which is passed over.
fn until(rest: &[u8], end: &[u8]) -> usize {
    memchr::memmem::find(rest, end).map_or(rest.len(), |at| at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_where_they_are() {
        for (text, is_toml, count) in [
            (r#"{"a":[1,2,{"b":"c,d"}]}"#, false, 5),
            ("[1, // no, no\n 2 /* , \" */, 3]", false, 3),
            (r#"["\",", "'", ","]"#, false, 3),
            (r#"["a,"#, false, 1),
            ("[\"a\n,\"b\",", false, 3),
            ("a = 1 # b = 2, c\nd = 'it\\', e = \"x='\"\n", true, 6),
            ("a = \"\"\"\n,\\\"\"\" = ,\"\"\"\nb = [1, 2]", true, 5),
            ("a = '''\n, '' ,'''\n[t]\nb = {c = 1}", true, 7),
            ("a.b = 'c.d' # x.y", true, 2),
            ("#\n#", true, 1),
            ("a = \"\"\"\n,", true, 1),
        ] {
            let places =
                (0..10).take_while(|most| place_of(text.as_bytes(), is_toml, *most).is_some());
            assert_eq!(places.count(), count, "{text}");
        }
    }

    #[test]
    fn a_long_file_may_have_more() {
        let file = |values: usize, text: usize| {
            let text = format!("[{}\"{}\"]", "1,".repeat(values), "x".repeat(text));
            check(&Source::new("f", text.into_bytes()).unwrap(), false)
        };
        assert!(file(MOST - 1, 0).is_ok());
        let refused = file(MOST + 1000, 0).unwrap_err().to_string();
        assert!(refused.contains("f:1:") && refused.contains("values"), "{refused}");
        assert!(file(MOST + 1000, 1001 * BYTES).is_ok());
    }
}
