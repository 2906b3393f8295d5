//! What a server writes to its standard output, line by line: the messages in it, and everything
//! that keeps strict clients from reading them.

use std::mem;

use serde_json::{Value, error::Category};

use crate::doctor::{
    codes::{
        BYTE_ORDER_MARK, CARRIAGE_RETURNS, CONTENT_LENGTH, ESCAPES, NO_LINE_END, NOISE,
        NOT_JSON_RPC, NOT_UTF8, OTHER_ID, PRETTY,
    },
    report::Stage,
};

/// Longest message over several lines that is put together.
const LONGEST: usize = 1024 * 1024;
/// Lines kept that are not messages.
const KEPT: usize = 3;

/// See the module.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may be there without the others")]
pub(crate) struct Output {
    lines: usize,
    noise: Vec<String>,
    noise_lines: usize,
    strange: Option<String>,
    not_utf8: Option<&'static str>,
    mark: bool,
    returns: bool,
    escapes: bool,
    framed: bool,
    spread: bool,
    /// A message without a line end was read.
    pub(crate) unended: bool,
    /// An answer has its id in another JSON type.
    pub(crate) other_id: Option<String>,
    /// The beginning of a message over several lines.
    begun: Vec<u8>,
}

impl Output {
    /// Whether messages are framed by a length header, so that lines do not separate them.
    pub(crate) fn is_framed(&self) -> bool {
        self.framed
    }

    /// What was written that is not a message.
    pub(crate) fn noise(&self) -> &[String] {
        &self.noise
    }

    /// Takes a line without its line end; returns the messages in it.
    pub(crate) fn take(&mut self, line: &[u8]) -> Vec<Value> {
        let line = self.decoded(line);
        if line.trim_ascii().is_empty() {
            return Vec::new();
        }
        let returns = line.ends_with(b"\r");
        let found = self.messages(line.trim_ascii());
        self.returns |= returns && !found.is_empty();
        for message in &found {
            self.judge(message);
        }
        found
    }

    fn decoded<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        let first = self.lines == 0;
        self.lines += 1;
        if first && (line.starts_with(&[0xff, 0xfe]) || line.starts_with(&[0xfe, 0xff])) {
            self.not_utf8 = Some("it is UTF-16");
            return &[];
        }
        match line.strip_prefix(&[0xef, 0xbb, 0xbf]) {
            Some(rest) if first => {
                self.mark = true;
                rest
            }
            _ => line,
        }
    }

    fn messages(&mut self, line: &[u8]) -> Vec<Value> {
        if std::str::from_utf8(line).is_err() {
            let wide = line.contains(&0);
            self.not_utf8.get_or_insert(if wide { "it is UTF-16" } else { "it has other bytes" });
            return Vec::new();
        }
        let head: Vec<u8> = line.iter().take(15).map(u8::to_ascii_lowercase).collect();
        if head == b"content-length:" {
            self.framed = true;
            return Vec::new();
        }
        if !self.begun.is_empty() {
            return self.go_on(line);
        }
        match serde_json::from_slice(line) {
            Ok(value) => self.of_value(value, line),
            Err(error) if error.classify() == Category::Eof && line.len() < LONGEST => {
                if matches!(line[0], b'{' | b'[') {
                    self.begun = line.to_vec();
                } else {
                    self.is_noise(line);
                }
                Vec::new()
            }
            Err(_) => self.mixed(line),
        }
    }

    /// A further line of a message over several lines.
    fn go_on(&mut self, line: &[u8]) -> Vec<Value> {
        self.begun.push(b'\n');
        self.begun.extend_from_slice(line);
        match serde_json::from_slice::<Value>(&self.begun) {
            Ok(value) => {
                self.begun.clear();
                self.spread = true;
                self.of_value(value, line)
            }
            Err(error) if error.classify() == Category::Eof && self.begun.len() < LONGEST => {
                Vec::new()
            }
            Err(_) => {
                let begun = mem::take(&mut self.begun);
                let first = begun.split(|byte| *byte == b'\n').next().unwrap_or_default();
                self.is_noise(first);
                self.messages(line)
            }
        }
    }

    fn of_value(&mut self, value: Value, line: &[u8]) -> Vec<Value> {
        match value {
            Value::Object(_) => vec![value],
            Value::Array(all) if !all.is_empty() && all.iter().all(Value::is_object) => all,
            _ => {
                self.is_noise(line);
                Vec::new()
            }
        }
    }

    /// A line that has something in front of a message.
    fn mixed(&mut self, line: &[u8]) -> Vec<Value> {
        self.is_noise(line);
        let Some(start) = line.iter().position(|byte| *byte == b'{') else { return Vec::new() };
        let value = serde_json::from_slice::<Value>(&line[start..]).ok();
        value.filter(|value| !value["jsonrpc"].is_null()).into_iter().collect()
    }

    fn is_noise(&mut self, line: &[u8]) {
        self.noise_lines += 1;
        self.escapes |= line.contains(&0x1b);
        if self.noise.len() < KEPT {
            self.noise.push(String::from_utf8_lossy(line).chars().take(200).collect());
        }
    }

    fn judge(&mut self, message: &Value) {
        let is_response = message["method"].is_null();
        let why = if message["jsonrpc"] != "2.0" {
            "jsonrpc is not \"2.0\""
        } else if is_response && message.get("id").is_none() && message["error"].is_null() {
            "it has neither a method nor an id"
        } else if is_response && message.get("result").is_none() && message["error"].is_null() {
            "it has neither a result nor an error"
        } else if is_response && !message["result"].is_null() && !message["error"].is_null() {
            "it has a result and an error"
        } else {
            return;
        };
        let shown: String = message.to_string().chars().take(120).collect();
        self.strange.get_or_insert(format!("{why}: {shown}"));
    }

    /// Reports what was found.
    pub(crate) fn tell(&self, stage: &mut Stage) {
        let subject = "standard output";
        if self.noise_lines > 0 {
            let more = self.noise_lines.saturating_sub(1);
            let more = if more > 0 { format!(" and {more} more lines") } else { String::new() };
            let first = self.noise.first().map(String::as_str).unwrap_or_default();
            stage.find(NOISE, subject, format!("{first:?}{more}"));
        }
        for (is_found, code, text) in [
            (self.returns, CARRIAGE_RETURNS, "they end with \\r\\n"),
            (self.mark, BYTE_ORDER_MARK, "its first bytes are EF BB BF"),
            (self.framed, CONTENT_LENGTH, "it has headers like those of LSP"),
            (self.spread, PRETTY, "it is indented JSON"),
            (self.unended, NO_LINE_END, "it is complete, but no line end follows"),
            (self.escapes, ESCAPES, "it has the escape character"),
        ] {
            if is_found {
                stage.find(code, subject, text);
            }
        }
        if let Some(text) = self.not_utf8 {
            stage.find(NOT_UTF8, subject, text);
        }
        if let Some(text) = &self.strange {
            stage.find(NOT_JSON_RPC, subject, text.as_str());
        }
        if let Some(text) = &self.other_id {
            stage.find(OTHER_ID, subject, text.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

    fn seen(lines: &[&[u8]]) -> (usize, Vec<u16>) {
        let mut output = Output::default();
        let messages = lines.iter().map(|line| output.take(line).len()).sum();
        let mut stage = Stage::new("output");
        output.tell(&mut stage);
        (messages, stage.findings.iter().map(|finding| finding.code.number).collect())
    }

    #[test]
    fn messages_are_found_with_what_is_wrong_around_them() {
        let answer = ANSWER.as_bytes();
        let marked = [&[0xef, 0xbb, 0xbf], answer].concat();
        let returned = [answer, b"\r"].concat();
        let prefixed = [b"INFO ", answer].concat();
        for (lines, messages, codes) in [
            (&[answer][..], 1, &[][..]),
            (&[b"", answer, b"  "], 1, &[]),
            (&[b"Server started", answer], 1, &[301]),
            (&[b"\x1b[32mready\x1b[0m", answer], 1, &[301, 311]),
            (&[&returned], 1, &[302]),
            (&[&marked], 1, &[303]),
            (&[b"Content-Length: 36", b"", answer], 1, &[304]),
            (&[b"{", b"\"jsonrpc\":\"2.0\",", b"\"id\":1,\"result\":{}", b"}"], 1, &[305]),
            (&[b"{", b"no json", answer], 1, &[301]),
            (&[&[0xff, 0xfe, b'{', 0], answer], 1, &[306]),
            (&[b"caf\xe9", answer], 1, &[306]),
            (&[br#"{"id":1,"result":{}}"#], 1, &[308]),
            (&[br#"{"jsonrpc":"2.0","id":1}"#], 1, &[308]),
            (&[&prefixed], 1, &[301]),
            (&[b"42", b"\"text\"", b"[1]"], 0, &[301]),
            (&[format!("[{ANSWER},{ANSWER}]").as_bytes()], 2, &[]),
        ] {
            assert_eq!(seen(lines), (messages, codes.to_vec()), "{lines:?}");
        }
    }
}
