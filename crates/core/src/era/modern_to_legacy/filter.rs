//! What a `subscriptions/listen` request asks for.

use serde::Serialize;

use super::{Greeting, SUBSCRIPTION_ID};
use crate::{
    jsonrpc::{Message, Span, elements, find_member, members, string_text},
    protocol::{List, MAX_URI, Notification, covers},
};

/// Most resources of one subscription.
const MAX_RESOURCES: usize = 1024;

/// `SubscriptionFilter`. Unknown members are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filter {
    #[serde(skip_serializing_if = "is_false")]
    tools_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    prompts_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    resources_list_changed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_subscriptions: Vec<String>,
}

/// An invalid filter (-32602).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidFilter {
    #[error("params.notifications: missing")]
    Missing,
    #[error("params.notifications: not a subscription filter")]
    Malformed,
    #[error("params.notifications.resourceSubscriptions: more than {MAX_RESOURCES}")]
    TooLong,
    #[error("params.notifications.resourceSubscriptions: a URI of more than {MAX_URI} bytes")]
    LongUri,
}

/// Its members, in the order of the fields of [`Filter`].
const MEMBERS: [&str; 4] =
    ["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions"];

fn span_kind(text: &[u8], span: Span) -> Option<u8> {
    span.of(text).first().copied()
}

/// The URIs of a list, each once and in order. Stops reading above the limit.
fn uris(text: &[u8], list: Span) -> Result<Vec<String>, InvalidFilter> {
    if span_kind(text, list) != Some(b'[') {
        return Err(InvalidFilter::Malformed);
    }
    let mut uris = Vec::new();
    for element in elements(text, list) {
        let uri = string_text(element.of(text)).ok_or(InvalidFilter::Malformed)?;
        if uri.len() > MAX_URI {
            return Err(InvalidFilter::LongUri);
        }
        if uris.len() == MAX_RESOURCES {
            return Err(InvalidFilter::TooLong);
        }
        uris.push(uri.into_owned());
    }
    uris.sort_unstable();
    uris.dedup();
    Ok(uris)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Filter {
    /// The filter of a request.
    pub(crate) fn of(request: &Message) -> Result<Self, InvalidFilter> {
        let text = request.bytes();
        let filter = request.params().and_then(|params| find_member(text, params, "notifications"));
        let filter =
            filter.filter(|span| span.of(text) != b"null").ok_or(InvalidFilter::Missing)?;
        if span_kind(text, filter) != Some(b'{') {
            return Err(InvalidFilter::Malformed);
        }
        let (mut read, mut seen) = (Self::default(), [false; 4]);
        for entry in members(text, filter) {
            let flag = |value: Span| match value.of(text) {
                b"true" => Ok(true),
                b"false" => Ok(false),
                _ => Err(InvalidFilter::Malformed),
            };
            let name = MEMBERS.iter().position(|name| entry.is(name));
            let Some(place) = name else { continue };
            if std::mem::replace(&mut seen[place], true) {
                return Err(InvalidFilter::Malformed);
            }
            match place {
                0 => read.tools_list_changed = flag(entry.value)?,
                1 => read.prompts_list_changed = flag(entry.value)?,
                2 => read.resources_list_changed = flag(entry.value)?,
                _ => read.resource_subscriptions = uris(text, entry.value)?,
            }
        }
        Ok(read)
    }

    /// The part of it that this server supports.
    pub(crate) fn narrowed(self, server: &Greeting) -> Self {
        let resources = server.takes_subscriptions();
        Self {
            tools_list_changed: self.tools_list_changed && server.notifies_of(List::Tools),
            prompts_list_changed: self.prompts_list_changed && server.notifies_of(List::Prompts),
            resources_list_changed: self.resources_list_changed
                && server.notifies_of(List::Resources),
            resource_subscriptions: if resources { self.resource_subscriptions } else { vec![] },
        }
    }

    /// Whether a notification passes it.
    pub(crate) fn admits(&self, notification: &Message) -> bool {
        match &*notification.method() {
            "notifications/tools/list_changed" => self.tools_list_changed,
            "notifications/prompts/list_changed" => self.prompts_list_changed,
            "notifications/resources/list_changed" => self.resources_list_changed,
            method if Notification::of(method) == Notification::ResourceUpdated => {
                notification.uri().is_some_and(|uri| {
                    self.resource_subscriptions.iter().any(|wanted| covers(wanted, &uri))
                })
            }
            _ => false,
        }
    }

    /// The first message of a subscription; the raw id is that of its request.
    pub(crate) fn acknowledgement(&self, id: &str) -> String {
        let filter = serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned());
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{filter},"_meta":{{"{SUBSCRIPTION_ID}":{id}}}}}}}"#
        )
    }
}
