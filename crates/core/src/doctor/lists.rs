//! The lists and calls of a server that answers, over any transport.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    budget::Budget,
    checks::entries,
    codes::{
        ENDLESS_PAGES, IGNORES_UNKNOWN, LIST_FAILED, LIST_SILENT, NOTHING, PING_FAILED,
        READ_FAILED, SLOW_ANSWERS, UNDECLARED, UNKNOWN_KILLS,
    },
    peer::{Peer, Silence, said},
    report::Stage,
};

/// Time limit of an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time limit of an optional answer.
const SHORT: Duration = Duration::from_secs(3);
/// Time from which on an answer counts as slow.
const SLOW: Duration = Duration::from_secs(5);
/// Most pages that are read.
const MOST_PAGES: usize = 200;
/// The JSON-RPC error code for an unknown method.
const METHOD_NOT_FOUND: i64 = -32601;

/// A list: the capability that offers it, its method, its member of the result.
const LISTS: [(&str, &str, &str); 4] = [
    ("tools", "tools/list", "tools"),
    ("prompts", "prompts/list", "prompts"),
    ("resources", "resources/list", "resources"),
    ("resources", "resources/templates/list", "resourceTemplates"),
];

/// The peer, the time budget, and the `_meta` of every request.
pub(super) struct Asked<'a> {
    pub(super) peer: &'a mut dyn Peer,
    pub(super) budget: Budget,
    pub(super) meta: Option<Value>,
}

impl Asked<'_> {
    async fn ask(
        &mut self,
        method: &str,
        mut params: Value,
        limit: Duration,
    ) -> Result<Value, Silence> {
        if let Some(meta) = &self.meta {
            params["_meta"] = meta.clone();
        }
        self.peer.ask(method, params, self.budget.at_most(limit)).await
    }

    /// Reads every list that the server offers; returns the URI of a resource that can be read.
    pub(super) async fn lists(
        &mut self,
        capabilities: &Value,
        stage: &mut Stage,
    ) -> Option<String> {
        let mut counts = Vec::new();
        let mut uri = None;
        for (capability, method, member) in LISTS {
            if !capabilities[capability].is_object() {
                continue;
            }
            let Some(entries) = self.list(method, member, stage).await else { continue };
            entries::check(member, &entries, stage);
            if member == "resources" {
                uri = entries.iter().find_map(|entry| entry["uri"].as_str().map(str::to_owned));
            }
            if member != "resourceTemplates" || !entries.is_empty() {
                counts.push((entries.len(), member));
            }
        }
        if !capabilities["tools"].is_object() {
            self.undeclared(stage).await;
        }
        let words: Vec<String> = counts
            .iter()
            .map(|(count, member)| format!("{count} {}", noun(member, *count)))
            .collect();
        stage.says(words.join(", "));
        let is_empty = counts.iter().all(|(count, _)| *count == 0);
        if is_empty && stage.findings.is_empty() {
            stage.find(NOTHING, "", "every list is empty");
        }
        uri
    }

    /// Reads all pages of a list; returns nothing and reports it if that fails.
    async fn list(&mut self, method: &str, member: &str, stage: &mut Stage) -> Option<Vec<Value>> {
        let mut entries = Vec::new();
        let mut cursors: Vec<Value> = Vec::new();
        let mut params = json!({});
        loop {
            let began = Instant::now();
            let mut page = match self.ask(method, params, PATIENCE).await {
                Ok(page) => page,
                Err(Silence::Error(error)) => {
                    // Templates are optional.
                    let is_optional =
                        method == "resources/templates/list" && error["code"] == METHOD_NOT_FOUND;
                    if !is_optional {
                        stage.find(LIST_FAILED, method, said(&error));
                    }
                    return None;
                }
                Err(silence) => {
                    stage.find(LIST_SILENT, method, silent(&silence));
                    return None;
                }
            };
            slow(method, began, stage);
            match page[member].take() {
                Value::Array(more) => entries.extend(more),
                other => {
                    stage.find(LIST_FAILED, method, format!("{member} is {}", kind(&other)));
                    return None;
                }
            }
            let next = page["nextCursor"].take();
            if !next.is_string() {
                return Some(entries);
            }
            if cursors.contains(&next) || cursors.len() >= MOST_PAGES {
                stage.find(ENDLESS_PAGES, method, format!("after {} pages", cursors.len() + 1));
                return None;
            }
            params = json!({ "cursor": next });
            cursors.push(next);
        }
    }

    /// Looks for tools of a server that does not declare the capability.
    async fn undeclared(&mut self, stage: &mut Stage) {
        if let Ok(result) = self.ask("tools/list", json!({}), SHORT).await
            && let Some(tools) = result["tools"].as_array().filter(|tools| !tools.is_empty())
        {
            stage.find(UNDECLARED, "tools/list", format!("it has {}", tools.len()));
        }
    }

    /// A ping, a read that changes nothing, and an unknown method.
    pub(super) async fn calls(&mut self, uri: Option<&str>, pings: bool, stage: &mut Stage) {
        let mut done = Vec::new();
        if pings {
            let began = Instant::now();
            match self.ask("ping", json!({}), PATIENCE).await {
                Ok(_) => {
                    done.push(format!("ping {} ms", began.elapsed().as_millis()));
                    slow("ping", began, stage);
                }
                Err(Silence::Error(error)) => stage.find(PING_FAILED, "ping", said(&error)),
                Err(silence) => stage.find(PING_FAILED, "ping", silent(&silence)),
            }
        }
        if let Some(uri) = uri {
            let read = self.ask("resources/read", json!({ "uri": uri }), PATIENCE).await;
            let subject = format!("resource {uri}");
            match read {
                Ok(_) => done.push("a resource read".to_owned()),
                Err(Silence::Error(error)) => stage.find(READ_FAILED, subject, said(&error)),
                Err(silence) => stage.find(READ_FAILED, subject, silent(&silence)),
            }
        }
        match self.ask("mcp-proxy/doctor", json!({}), SHORT).await {
            Err(Silence::Ended) => {
                stage.find(UNKNOWN_KILLS, "", "it ended when it was asked for mcp-proxy/doctor");
            }
            Err(Silence::Timeout) => {
                stage.find(IGNORES_UNKNOWN, "", "it was silent when asked for mcp-proxy/doctor");
            }
            _ => {}
        }
        stage.says(done.join(", "));
    }
}

fn slow(method: &str, began: Instant, stage: &mut Stage) {
    if began.elapsed() > SLOW {
        stage.find(SLOW_ANSWERS, method, format!("it took {} s", began.elapsed().as_secs()));
    }
}

fn silent(silence: &Silence) -> &'static str {
    match silence {
        Silence::Timeout => "it was not answered in time",
        Silence::Unreadable => "the answer cannot be read",
        _ => "the server ended",
    }
}

fn noun(member: &str, count: usize) -> &str {
    let plural = if member == "resourceTemplates" { "resource templates" } else { member };
    if count == 1 { plural.trim_end_matches('s') } else { plural }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "missing",
        _ => "not a list",
    }
}
