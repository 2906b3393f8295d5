//! The tools whose arguments are mirrored in headers, as far as their lists were seen.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use memchr::memmem;

use crate::{
    identity::Identity,
    jsonrpc::{Message, decode_string, elements, find_member},
    protocol::header::annotation::{MirroredParameter, parameters_of},
};

/// Most tools that are remembered; beyond that the earlier ones are forgotten, and their headers
/// not checked.
const MAX_TOOLS: usize = 10_000;

type Known = HashMap<(Identity, String), Arc<[MirroredParameter]>>;

/// See the module. Principals may see different lists.
#[derive(Debug, Default)]
pub(super) struct Schemas(Mutex<Known>);

impl Schemas {
    /// Remembers a page of tools. A list without an annotation is not parsed, unless one had one.
    pub(super) fn learn(&self, principal: &Identity, response: &Message) {
        let Some(result) = response.result() else { return };
        let text = response.bytes();
        let mut known = self.lock();
        if known.is_empty() && memmem::find(result.of(text), b"x-mcp-header").is_none() {
            return;
        }
        let Some(tools) = find_member(text, result, "tools") else { return };
        if known.len() > MAX_TOOLS {
            known.clear();
        }
        for tool in elements(text, tools) {
            let member = |name| find_member(text, tool, name).map(|span| span.of(text));
            let Some(name) = member("name").and_then(decode_string) else { continue };
            // An invalid annotation is ignored: no client mirrors it.
            let parameters = parameters_of(member("inputSchema").unwrap_or_default());
            let parameters = parameters.unwrap_or_default();
            let key = (principal.clone(), name);
            if parameters.is_empty() {
                known.remove(&key);
            } else {
                known.insert(key, parameters.into());
            }
        }
    }

    /// The arguments of this tool that are mirrored.
    pub(super) fn of(&self, principal: &Identity, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        let known = self.lock();
        if known.is_empty() {
            return None;
        }
        known.get(&(principal.clone(), tool.to_owned())).map(Arc::clone)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(tool: &str, property: &str) -> Message {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"{tool}","inputSchema":{{"type":"object","properties":{{"a":{property}}}}}}}]}}}}"#
        );
        Message::parse(text.into()).unwrap()
    }

    const MIRRORED: &str = r#"{"type":"string","x-mcp-header":"A"}"#;

    #[test]
    fn annotated_tools_are_known_to_those_who_saw_them() {
        let schemas = Schemas::default();
        let (one, two) = (Identity::default(), Identity::named("two"));
        schemas.learn(&one, &page("t", MIRRORED));
        assert_eq!(schemas.of(&one, "t").unwrap()[0].header, "Mcp-Param-A");
        assert!(schemas.of(&two, "t").is_none() && schemas.of(&one, "u").is_none());
    }

    #[test]
    fn an_annotation_that_has_gone_is_forgotten() {
        let schemas = Schemas::default();
        let anybody = Identity::default();
        schemas.learn(&anybody, &page("t", MIRRORED));
        schemas.learn(&anybody, &page("u", r#"{"type":"string"}"#));
        assert!(schemas.of(&anybody, "t").is_some());
        schemas.learn(&anybody, &page("t", r#"{"type":"string"}"#));
        assert!(schemas.of(&anybody, "t").is_none());
        schemas.learn(&anybody, &page("t", r#"{"type":"number","x-mcp-header":"A"}"#));
        assert!(schemas.of(&anybody, "t").is_none());
    }
}
