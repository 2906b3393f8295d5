//! What a server's lists of tools say about headers: arguments that are mirrored, and tools with
//! invalid annotations, which must not be offered to HTTP clients (MCP 2026-07-28, tools,
//! "x-mcp-header").

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use memchr::memmem;

use crate::{
    jsonrpc::{Cuts, Message, Span, decode_string, elements, find_member},
    protocol::header::annotation::{InvalidAnnotation, MirroredParameter, parameters_of},
};

/// The request whose results are examined.
pub(super) const LIST: &str = "tools/list";
/// Most tools that are remembered. Beyond that the earlier ones are forgotten; their headers are
/// sent only after the server has missed them.
const MAX_TOOLS: usize = 10_000;

type Known = HashMap<String, Arc<[MirroredParameter]>>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tools(Mutex<Known>);

impl Tools {
    /// The arguments of this tool that are mirrored, if any are known.
    pub(super) fn of(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.lock().get(tool).map(Arc::clone)
    }

    /// Learns from a list of tools, and removes those that must not be offered. A list without
    /// annotations is not parsed, unless there was one before.
    pub(super) fn read(&self, response: Message, request: &Message) -> Message {
        let listed = (request.method() == LIST).then(|| response.result()).flatten();
        let tools = listed.and_then(|result| find_member(response.bytes(), result, "tools"));
        let Some(tools) = tools else { return response };
        let mut known = self.lock();
        let annotated = memmem::find(response.text(tools), b"x-mcp-header").is_some();
        if !annotated && known.is_empty() {
            return response;
        }
        if known.len() > MAX_TOOLS {
            known.clear();
        }
        let (mut cuts, mut edits) = (Cuts::default(), Vec::new());
        for tool in elements(response.bytes(), tools) {
            match learn(&mut known, &response, tool) {
                Ok(()) => cuts.stays(tool, &mut edits),
                Err((name, problem)) => {
                    tracing::warn!("the tool {name:?} is not offered: {problem}");
                    cuts.goes(tool);
                }
            }
        }
        drop(known);
        cuts.end(&mut edits);
        if edits.is_empty() { response } else { response.rewritten(&edits) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn learn(
    known: &mut Known,
    response: &Message,
    tool: Span,
) -> Result<(), (String, InvalidAnnotation)> {
    let member = |name| find_member(response.bytes(), tool, name);
    let name = member("name").and_then(|span| decode_string(response.text(span)));
    let name = name.unwrap_or_default();
    let schema = member("inputSchema").map(|span| response.text(span));
    match parameters_of(schema.unwrap_or_default()) {
        Ok(parameters) if parameters.is_empty() => {
            known.remove(&name);
        }
        Ok(parameters) => {
            known.insert(name, parameters.into());
        }
        Err(problem) => {
            known.remove(&name);
            return Err((name, problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).unwrap()
    }

    fn list(tools: &str) -> Message {
        message(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}],"x":1.0}}}}"#))
    }

    fn tool(name: &str, kind: &str) -> String {
        format!(
            r#"{{"name":"{name}","inputSchema":{{"type":"object","properties":{{"a":{{"type":"{kind}","x-mcp-header":"A"}}}}}}}}"#
        )
    }

    fn read(tools: &Tools, page: &str) -> String {
        let request = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        let read = tools.read(list(page), &request);
        String::from_utf8(read.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_tool_with_an_invalid_annotation_is_left_out_and_the_others_stay_as_they_are() {
        let (good, bad) = (tool("good", "string"), tool("bad", "number"));
        let plain = r#"{ "name":"plain", "inputSchema":{} }"#;
        let tools = Tools::default();
        for page in
            [format!("{bad},{good} , {plain}"), format!("{good} , {plain},{bad}"), good.clone()]
        {
            let kept = read(&tools, &page);
            assert!(!kept.contains("bad"), "{kept}");
            assert!(kept.contains(&good) && kept.ends_with(r#"],"x":1.0}}"#), "{kept}");
        }
        assert_eq!(tools.of("good").unwrap()[0].header, "Mcp-Param-A");
        assert!(tools.of("bad").is_none() && tools.of("plain").is_none());
        assert_eq!(read(&tools, &bad), r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"x":1.0}}"#);
    }

    #[test]
    fn what_is_no_list_of_tools_is_not_looked_at() {
        let tools = Tools::default();
        let request = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#);
        let response = list(&tool("bad", "number"));
        let expected = response.bytes().clone();
        assert_eq!(tools.read(response, &request).bytes(), &expected);
    }
}
