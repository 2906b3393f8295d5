//! Which messages pass between one client and a server of which only the capabilities are known.

use serde_json::Value;

use crate::{
    jsonrpc::{Assembly, Message},
    protocol::{Method, Notification},
    relay::untagged as without_tag,
};

/// Methods that require a capability, and the place of that. Methods without a place are never
/// passed on, because they concern only a server and its own client.
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

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// The server does not support it.
    Refused,
    /// Send it to the server.
    Forwarded,
    /// The level is the client's own.
    SetsLevel,
    /// The client gets a share of the subscription.
    Subscribes,
    /// The client gives its share of the subscription up.
    Unsubscribes,
}

/// See the module.
#[derive(Debug)]
pub struct Gate {
    capabilities: Value,
}

impl Gate {
    /// For a server with these capabilities (JSON).
    pub fn new(capabilities: &str) -> Self {
        Self { capabilities: serde_json::from_str(capabilities).unwrap_or_default() }
    }

    /// The known methods that the server supports.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> {
        GATED.iter().map(|(method, _)| *method).filter(|method| self.serves(method))
    }

    /// What to do with a request of this method, with or without a resource.
    pub fn request(&self, method: &str, names_resource: bool) -> Passage {
        if !self.serves(method) {
            return Passage::Refused;
        }
        match Method::of(method) {
            Method::SetLevel => Passage::SetsLevel,
            // Without a resource, the server gives the right error.
            Method::Subscribe if names_resource => Passage::Subscribes,
            Method::Unsubscribe if names_resource => Passage::Unsubscribes,
            _ => Passage::Forwarded,
        }
    }

    /// Whether a client's notification is sent to the server.
    pub fn passes_notification(method: &str) -> bool {
        Notification::of(method).concerns_shared_server()
    }

    /// Whether a request of this method is sent to the server. Unknown methods are, except for
    /// tasks: a task id belongs to one client, and the server is shared.
    fn serves(&self, method: &str) -> bool {
        let Some((_, place)) = GATED.iter().find(|(gated, _)| *gated == method) else {
            return Method::of(method) != Method::Tasks;
        };
        let found = place.iter().try_fold(&self.capabilities, |value, name| value.get(name));
        !place.is_empty()
            && found.is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    }
}

/// A 2026-07-28 server's notification without the id of its stream, which means nothing to
/// handshake clients. Text that is not a message stays as it is.
pub fn untagged(notification: String) -> String {
    let Ok(message) = Message::parse(notification.clone().into()) else { return notification };
    let edits = without_tag(&message);
    let whole = Assembly { before: b"", source: message.bytes(), edits: &edits, behind: b"" };
    String::from_utf8(whole.frame().runs().concat()).unwrap_or(notification)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_pass_with_their_capability() {
        let gate = Gate::new(
            r#"{"tools":{},"prompts":null,"logging":{},"resources":{"subscribe":false}}"#,
        );
        for (method, passage) in [
            ("tools/call", Passage::Forwarded),
            ("prompts/get", Passage::Refused),
            ("resources/read", Passage::Forwarded),
            ("resources/subscribe", Passage::Refused),
            ("logging/setLevel", Passage::SetsLevel),
            ("initialize", Passage::Refused),
            ("tasks/get", Passage::Refused),
            ("custom/method", Passage::Forwarded),
        ] {
            assert_eq!(gate.request(method, true), passage, "{method}");
        }
        assert_eq!(Gate::new("7").methods().count(), 0);
    }

    #[test]
    fn a_subscription_without_a_resource_is_left_to_the_server() {
        let gate = Gate::new(r#"{"resources":{"subscribe":true}}"#);
        assert_eq!(gate.request("resources/subscribe", true), Passage::Subscribes);
        assert_eq!(gate.request("resources/unsubscribe", true), Passage::Unsubscribes);
        assert_eq!(gate.request("resources/subscribe", false), Passage::Forwarded);
    }

    #[test]
    fn notifications_pass_unless_they_are_about_what_the_server_was_not_told_of() {
        for (method, passes) in [
            ("notifications/roots/list_changed", false),
            ("notifications/tasks/status", false),
            ("notifications/vendor/news", true),
        ] {
            assert_eq!(Gate::passes_notification(method), passes, "{method}");
        }
    }

    #[test]
    fn the_name_of_the_stream_is_cut_out() {
        let tag = r#""io.modelcontextprotocol/subscriptionId":7"#;
        for (meta, left) in [
            (tag.to_owned(), r#"{"uri":"x:a"}"#),
            (format!(r#"{tag},"v":1"#), r#"{"uri":"x:a","_meta":{"v":1}}"#),
        ] {
            let sent = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"uri":"x:a","_meta":{{{meta}}}}}}}"#
            );
            let kept = format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{left}}}"#);
            assert_eq!(untagged(sent), kept);
        }
        assert_eq!(untagged("{}".to_owned()), "{}");
    }
}
