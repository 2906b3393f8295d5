//! The content of a result, for a person: texts on standard output, everything else in files or, if
//! the terminal can show it, in the terminal.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{files, picture::Protocol};
use crate::plain::{one_line, plain};

/// Where the content goes.
#[derive(Debug)]
pub(super) struct Place {
    /// Whether standard output is a terminal, which only gets text.
    pub(super) terminal: bool,
    /// How the terminal shows images.
    pub(super) protocol: Option<Protocol>,
    /// The directory for files.
    pub(super) directory: PathBuf,
}

/// The output.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// For standard output.
    pub(super) output: Vec<u8>,
    /// For standard error: the names of files, and what could not be shown.
    pub(super) notes: Vec<String>,
}

impl Place {
    /// The result of a call of the tool `name`.
    pub(super) fn result(&self, name: &str, result: &Value) -> Page {
        let mut page = Page::default();
        let blocks = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        if blocks.is_empty() && !result["structuredContent"].is_null() {
            self.print(&mut page, &pretty(&result["structuredContent"]));
        }
        for block in blocks {
            self.block(&mut page, name, block);
        }
        page
    }

    /// The contents of a resource. A single one that is not text is written to standard output,
    /// unless that is a terminal.
    pub(super) fn resource(&self, uri: &str, result: &Value) -> Page {
        let mut page = Page::default();
        let contents = result["contents"].as_array().map(Vec::as_slice).unwrap_or_default();
        if let ([only], false) = (contents, self.terminal) {
            if let Some(text) = only["text"].as_str() {
                page.output.extend_from_slice(text.as_bytes());
                return page;
            }
            if let Some(bytes) = only["blob"].as_str().and_then(|text| STANDARD.decode(text).ok()) {
                page.output = bytes;
                return page;
            }
        }
        let stem = uri.trim_end_matches('/').rsplit('/').next().unwrap_or(uri);
        for content in contents {
            self.embedded(&mut page, stem, content);
        }
        page
    }

    fn block(&self, page: &mut Page, name: &str, block: &Value) {
        match block["type"].as_str() {
            Some("text") => self.print(page, block["text"].as_str().unwrap_or_default()),
            Some("image" | "audio") => {
                let mime = block["mimeType"].as_str().unwrap_or_default();
                self.data(page, name, mime, block["data"].as_str().unwrap_or_default());
            }
            Some("resource") => self.embedded(page, name, &block["resource"]),
            Some("resource_link") => {
                let word = |member: &str| one_line(block[member].as_str().unwrap_or_default(), 500);
                self.print(page, &format!("{}  {}", word("uri"), word("name")));
            }
            _ => self.print(page, &block.to_string()),
        }
    }

    fn embedded(&self, page: &mut Page, stem: &str, resource: &Value) {
        let mime = resource["mimeType"].as_str().unwrap_or_default();
        match (resource["text"].as_str(), resource["blob"].as_str()) {
            (Some(text), _) => self.print(page, text),
            (None, Some(data)) => self.data(page, stem, mime, data),
            (None, None) => self.print(page, &resource.to_string()),
        }
    }

    /// A text with a line end. Pipes and files get it unchanged.
    fn print(&self, page: &mut Page, text: &str) {
        let shown = if self.terminal { plain(text) } else { text.into() };
        page.output.extend_from_slice(shown.as_bytes());
        if !shown.ends_with('\n') {
            page.output.push(b'\n');
        }
    }

    fn data(&self, page: &mut Page, stem: &str, mime: &str, data: &str) {
        let kind = if mime.is_empty() { "data".to_owned() } else { one_line(mime, 80) };
        let Ok(bytes) = STANDARD.decode(data) else {
            page.notes.push(format!("{kind} of the server is not base64; it is left out"));
            return;
        };
        let protocol = self.protocol.filter(|_| self.terminal && mime.starts_with("image/"));
        if let Some(sequence) = protocol.and_then(|protocol| protocol.sequence(mime, &bytes)) {
            page.output.extend_from_slice(sequence.as_bytes());
            return;
        }
        page.notes.push(match files::save(&self.directory, stem, mime, &bytes) {
            Ok(path) => format!("{kind} ({} bytes) is in {}", bytes.len(), path.display()),
            Err(error) => format!("{kind} could not be written to a file: {error}"),
        });
    }
}

/// A value for people.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(terminal: bool) -> (Place, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (Place { terminal, protocol: None, directory: directory.path().into() }, directory)
    }

    fn text(page: &Page) -> &str {
        std::str::from_utf8(&page.output).unwrap()
    }

    #[test]
    fn texts_are_printed_and_a_terminal_gets_no_escapes() {
        let result = json!({ "content": [
            { "type": "text", "text": "one\u{1b}[31m" },
            { "type": "text", "text": "two\n" },
            { "type": "resource_link", "uri": "x:y\u{7}", "name": "z" },
            { "type": "resource", "resource": { "uri": "a:b", "text": "three" } },
            { "type": "hologram", "beam": 1 },
        ] });
        let (piped, _kept) = place(false);
        let (shown, _kept) = place(true);
        let rest = "two\nx:y\u{fffd}  z\nthree\n{\"beam\":1,\"type\":\"hologram\"}\n";
        assert_eq!(text(&piped.result("t", &result)), format!("one\u{1b}[31m\n{rest}"));
        assert_eq!(text(&shown.result("t", &result)), format!("one\u{fffd}[31m\n{rest}"));
    }

    #[test]
    fn what_is_no_text_is_in_a_file() {
        let (place, directory) = place(true);
        let result = json!({ "content": [
            { "type": "image", "mimeType": "image/png", "data": "aGk=" },
            { "type": "audio", "mimeType": "audio/wav", "data": "no base64!" },
            { "type": "resource", "resource": { "uri": "a:b", "blob": "aGk=" } },
        ] });
        let page = place.result("tool", &result);
        assert_eq!(text(&page), "");
        assert_eq!(std::fs::read(directory.path().join("tool-1.png")).unwrap(), b"hi");
        assert_eq!(std::fs::read(directory.path().join("tool-1.bin")).unwrap(), b"hi");
        assert!(page.notes[0].starts_with("image/png (2 bytes) is in "), "{:?}", page.notes);
        assert_eq!(page.notes[1], "audio/wav of the server is not base64; it is left out");
    }

    #[test]
    fn structure_without_text_is_shown_as_json() {
        let (place, _kept) = place(false);
        let page = place.result("t", &json!({ "content": [], "structuredContent": { "a": 1 } }));
        assert_eq!(text(&page), "{\n  \"a\": 1\n}\n");
    }

    #[test]
    fn a_resource_in_a_pipe_is_byte_for_byte_what_it_is() {
        let (piped, _kept) = place(false);
        let page = |content: Value| {
            piped.resource("file:///a/b.bin", &json!({ "contents": [content] })).output
        };
        assert_eq!(page(json!({ "uri": "x", "blob": "AAEC" })), [0, 1, 2]);
        assert_eq!(page(json!({ "uri": "x", "text": "no line end" })), b"no line end");
    }
}
