//! Tools that can only be called as tasks of 2025-11-25, as far as their lists were seen.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use memchr::memmem;

use crate::{era::modern_to_legacy::tool_task, identity::Identity, jsonrpc::Message};

/// Most principals, and most tools of each, that are remembered.
const MAX: usize = 1000;

/// What is known about a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It can only be called as a task.
    Required,
    /// It can be called directly.
    Plain,
    /// It was in no list so far.
    Unknown,
}

#[derive(Debug, Default)]
struct Known {
    /// Tools that require tasks.
    required: HashSet<String>,
    /// Tools that do not, from lists that mention tasks.
    plain: HashSet<String>,
}

/// See the module. Principals may see different lists.
#[derive(Debug, Default)]
pub(super) struct TaskTools(Mutex<HashMap<Identity, Known>>);

impl TaskTools {
    /// Remembers a page of tools, if it or an earlier one mentions how tools are run.
    pub(super) fn learn(&self, principal: &Identity, page: &Message) {
        let mut known = self.lock();
        let mentions = memmem::find(page.bytes(), b"\"execution\"").is_some();
        if !mentions && !known.contains_key(principal) {
            return;
        }
        insert(&mut known, principal, page);
    }

    /// Remembers a page that was requested because of one tool.
    pub(super) fn learn_all(&self, principal: &Identity, page: &Message) {
        insert(&mut self.lock(), principal, page);
    }

    pub(super) fn support(&self, principal: &Identity, tool: &str) -> Support {
        let known = self.lock();
        match known.get(principal) {
            Some(known) if known.required.contains(tool) => Support::Required,
            Some(known) if known.plain.contains(tool) => Support::Plain,
            _ => Support::Unknown,
        }
    }

    /// The same after all lists were searched: a tool that is in none of them is not searched for
    /// again.
    pub(super) fn looked_up(&self, principal: &Identity, tool: &str) -> Support {
        let support = self.support(principal, tool);
        if support == Support::Unknown
            && let Some(known) = self.lock().get_mut(principal)
        {
            known.plain.insert(tool.to_owned());
        }
        support
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Identity, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(known: &mut HashMap<Identity, Known>, principal: &Identity, page: &Message) {
    if known.len() >= MAX && !known.contains_key(principal) {
        known.clear();
    }
    let known = known.entry(principal.clone()).or_default();
    for (name, needs) in tool_task::tools(page) {
        if known.required.len() + known.plain.len() >= MAX {
            *known = Known::default();
        }
        let (is, is_not) = if needs {
            (&mut known.required, &mut known.plain)
        } else {
            (&mut known.plain, &mut known.required)
        };
        is_not.remove(&name);
        is.insert(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(tools: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":{tools}}}}}"#);
        Message::parse(text.into()).unwrap()
    }

    #[test]
    fn what_a_tool_needs_is_known_to_those_who_saw_it() {
        let tools = TaskTools::default();
        let (one, two) = (Identity::default(), Identity::named("two"));
        tools.learn(&one, &page(r#"[{"name":"z"}]"#));
        assert_eq!(tools.support(&one, "z"), Support::Unknown);
        tools.learn(
            &one,
            &page(r#"[{"name":"a","execution":{"taskSupport":"required"}},{"name":"b"}]"#),
        );
        assert_eq!(tools.support(&one, "a"), Support::Required);
        assert_eq!(tools.support(&one, "b"), Support::Plain);
        assert_eq!(tools.support(&two, "a"), Support::Unknown);
        tools.learn(&one, &page(r#"[{"name":"a"}]"#));
        assert_eq!(tools.support(&one, "a"), Support::Plain);
    }
}
