//! What all servers together say about themselves, to clients of both eras. Needed once for each
//! session, so the messages are parsed as trees.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    era::metadata::SERVER_INFO,
    protocol::{LATEST_LEGACY, MODERN, is_legacy},
    relay::lists::CHANGING,
};

/// What one server said in its handshake, or in answer to `server/discover`.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) name: String,
    /// Raw; `None` if the server has not said it, and may offer anything.
    pub(super) result: Option<Bytes>,
}

/// The members that decide what a server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "capabilities have nothing to do with each other"
)]
pub(super) struct Offers {
    pub(super) tools: bool,
    pub(super) prompts: bool,
    pub(super) resources: bool,
    pub(super) logging: bool,
}

impl Offers {
    /// Of a server that has not answered.
    pub(super) const ANYTHING: Self =
        Self { tools: true, prompts: true, resources: true, logging: true };

    /// Of a server with this answer to a handshake.
    pub(super) fn of(result: &[u8]) -> Self {
        let result: Value = serde_json::from_slice(result).unwrap_or_default();
        let has = |name: &str| result["capabilities"].get(name).is_some();
        Self {
            tools: has("tools"),
            prompts: has("prompts"),
            resources: has("resources"),
            logging: has("logging"),
        }
    }

    /// Whether the server is asked for what belongs to this capability.
    pub(super) fn has(self, capability: Option<&str>) -> bool {
        match capability {
            Some("tools") => self.tools,
            Some("prompts") => self.prompts,
            Some("resources") => self.resources,
            _ => true,
        }
    }
}

/// The `InitializeResult` for a client that asks for this revision.
pub(super) fn initialize(said: &[Said], requested: Option<&str>) -> Vec<u8> {
    let version = requested.filter(|version| is_legacy(version)).unwrap_or(LATEST_LEGACY);
    let read = read(said);
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": capabilities(&read),
        "serverInfo": info(),
    });
    if let Some(instructions) = instructions(&read) {
        result["instructions"] = instructions.into();
    }
    result.to_string().into_bytes()
}

/// The `DiscoverResult`. Servers come and go, so clients must not cache it.
pub(super) fn discovery(said: &[Said]) -> Vec<u8> {
    let read = read(said);
    let mut result = json!({
        "resultType": "complete",
        "supportedVersions": [MODERN],
        "capabilities": capabilities(&read),
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": { SERVER_INFO: info() },
    });
    if let Some(instructions) = instructions(&read) {
        result["instructions"] = instructions.into();
    }
    result.to_string().into_bytes()
}

fn info() -> Value {
    json!({ "name": "mcp-proxy", "version": crate::VERSION })
}

/// The names of the servers with what they said, if they did.
fn read(said: &[Said]) -> Vec<(&str, Option<Value>)> {
    let value = |said: &Said| serde_json::from_slice(said.result.as_deref()?).ok();
    said.iter().map(|said| (said.name.as_str(), value(said))).collect()
}

fn capabilities(read: &[(&str, Option<Value>)]) -> Value {
    let mut all = Map::new();
    for (_, result) in read {
        match result.as_ref().and_then(|result| result.get("capabilities")) {
            Some(Value::Object(capabilities)) => unite(&mut all, capabilities),
            Some(_) => {}
            None => unite(&mut all, &anything()),
        }
    }
    // Their lists are always declared as changing, since servers come and go.
    for list in CHANGING {
        let capability = all.entry(list).or_insert_with(|| json!({}));
        if let Value::Object(capability) = capability {
            capability.insert("listChanged".to_owned(), true.into());
        }
    }
    all.into()
}

/// What a server that has not answered may offer.
fn anything() -> Map<String, Value> {
    let anything = json!({ "resources": { "subscribe": true }, "logging": {}, "completions": {} });
    if let Value::Object(anything) = anything { anything } else { Map::new() }
}

/// The union; if both have a member that is not an object, the first one counts, unless the other
/// says more.
fn unite(all: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (all.get_mut(name), value) {
            (Some(Value::Object(one)), Value::Object(other)) => unite(one, other),
            (Some(one), Value::Bool(true) | Value::Object(_)) => *one = value.clone(),
            (Some(_), _) => {}
            (None, _) => drop(all.insert(name.clone(), value.clone())),
        }
    }
}

fn instructions(read: &[(&str, Option<Value>)]) -> Option<String> {
    let said = read.iter().filter_map(|(name, result)| {
        let text = result.as_ref()?.get("instructions")?.as_str()?;
        (!text.trim().is_empty()).then(|| format!("# {name}\n\n{}", text.trim()))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| said.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, result: &Value) -> Said {
        let result = Some(result.to_string().into()).filter(|_| !result.is_null());
        Said { name: name.to_owned(), result }
    }

    fn read_back(text: &[u8]) -> Value {
        serde_json::from_slice(text).unwrap()
    }

    #[test]
    fn all_servers_are_one() {
        let one = json!({"capabilities": {"tools": {}, "extensions": {"a": {"x": 1}}},
            "instructions": "Read first."});
        let other = json!({"capabilities": {"resources": {"subscribe": true}, "logging": {},
            "extensions": {"a": {"y": 2}, "b": {}}, "experimental": {"z": true}}});
        let all = [said("files", &one), said("web", &other)];
        let result = read_back(&initialize(&all, Some("2025-06-18")));
        assert_eq!(result["protocolVersion"], "2025-06-18");
        assert_eq!(
            result["capabilities"],
            json!({
                "tools": {"listChanged": true}, "prompts": {"listChanged": true},
                "resources": {"subscribe": true, "listChanged": true}, "logging": {},
                "extensions": {"a": {"x": 1, "y": 2}, "b": {}}, "experimental": {"z": true},
            })
        );
        assert_eq!(result["instructions"], "# files\n\nRead first.");
        let result = read_back(&discovery(&all));
        assert_eq!(result["supportedVersions"], json!([MODERN]));
    }

    #[test]
    fn who_has_not_said_anything_may_offer_anything() {
        for all in [vec![said("lazy", &Value::Null)], vec![]] {
            let result = read_back(&initialize(&all, None));
            assert_eq!(result["protocolVersion"], LATEST_LEGACY);
            assert_eq!(result["capabilities"].get("logging").is_some(), !all.is_empty());
            assert!(result.get("instructions").is_none());
        }
    }

    #[test]
    fn what_a_server_does_not_offer_is_not_asked_for() {
        let offers = Offers::of(br#"{"capabilities":{"tools":{}}}"#);
        assert!(offers.has(Some("tools")) && !offers.has(Some("prompts")) && offers.has(None));
        assert!(!offers.logging && !Offers::of(b"nonsense").tools);
    }
}
