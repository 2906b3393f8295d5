//! What passes between one client and a server of which only the capabilities are known.

use serde_json::Value;

use crate::protocol::LogLevel;

/// Methods that need a capability, and where it is; without a place they are never passed on,
/// because they are between a server and its own client.
const GATED: [(&str, &[&str]); 14] = [
    ("completion/complete", &["completions"]),
    ("logging/setLevel", &["logging"]),
    ("prompts/get", &["prompts"]),
    ("prompts/list", &["prompts"]),
    ("resources/list", &["resources"]),
    ("resources/read", &["resources"]),
    ("resources/subscribe", &["resources", "subscribe"]),
    ("resources/templates/list", &["resources"]),
    ("resources/unsubscribe", &["resources", "subscribe"]),
    ("tools/call", &["tools"]),
    ("tools/list", &["tools"]),
    ("initialize", &[]),
    ("server/discover", &[]),
    ("subscriptions/listen", &[]),
];

/// See the module.
#[derive(Debug)]
pub struct Gate {
    capabilities: Value,
    /// The least severe level that the client wants, by its place among them.
    level: usize,
}

impl Gate {
    /// For a server with these capabilities, as JSON.
    pub fn new(capabilities: &str) -> Self {
        Self { capabilities: serde_json::from_str(capabilities).unwrap_or_default(), level: 0 }
    }

    /// The methods of which it depends on the server whether they pass.
    pub fn methods() -> impl Iterator<Item = &'static str> {
        GATED.iter().map(|(method, _)| *method)
    }

    /// Whether a request of this method is the server's business. One that is not known here is,
    /// but for tasks: their ids belong to one client, and the server is shared.
    pub fn serves(&self, method: &str) -> bool {
        let Some((_, place)) = GATED.iter().find(|(gated, _)| *gated == method) else {
            return !method.starts_with("tasks/");
        };
        let found = place.iter().try_fold(&self.capabilities, |value, name| value.get(name));
        !place.is_empty()
            && found.is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    }

    /// The client wants log messages from this level on; says what is wrong with one that is none.
    pub fn set_level(&mut self, level: &str) -> Result<(), String> {
        let place = LogLevel::NAMES.iter().position(|name| *name == level);
        self.level = place.ok_or_else(|| {
            format!("Invalid log level; use one of {}", LogLevel::NAMES.join(", "))
        })?;
        Ok(())
    }

    /// Whether the client wants a message of this level; what is no level is left to it.
    pub fn admits(&self, level: &str) -> bool {
        let place = LogLevel::NAMES.iter().position(|name| *name == level);
        place.is_none_or(|place| place >= self.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_pass_with_their_capability() {
        let gate = Gate::new(r#"{"tools":{},"prompts":null,"resources":{"subscribe":false}}"#);
        for (method, passes) in [
            ("tools/call", true),
            ("prompts/get", false),
            ("resources/read", true),
            ("resources/subscribe", false),
            ("logging/setLevel", false),
            ("initialize", false),
            ("tasks/get", false),
            ("custom/method", true),
        ] {
            assert_eq!(gate.serves(method), passes, "{method}");
        }
        assert!(!Gate::new("7").serves("tools/list"));
    }

    #[test]
    fn messages_pass_from_the_wanted_level_on() {
        let mut gate = Gate::new("{}");
        assert!(gate.admits("debug"));
        gate.set_level("warning").unwrap();
        assert!(!gate.admits("notice") && gate.admits("warning") && gate.admits("odd"));
        assert!(gate.set_level("loud").unwrap_err().contains("debug, info"));
    }
}
