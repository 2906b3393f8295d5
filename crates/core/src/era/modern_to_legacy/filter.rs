//! What a `subscriptions/listen` asks for.

use serde::{Deserialize, Serialize};

use super::{Greeting, SUBSCRIPTION_ID};
use crate::{
    jsonrpc::Message,
    protocol::{List, Notification, covers},
};

/// Most resources of one subscription.
const MAX_RESOURCES: usize = 1024;

/// `SubscriptionFilter`. What is not known of it is not honoured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filter {
    #[serde(default, skip_serializing_if = "is_false")]
    tools_list_changed: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    prompts_list_changed: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    resources_list_changed: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_subscriptions: Vec<String>,
}

/// A filter that no subscription can have (-32602).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidFilter {
    #[error("params.notifications: missing")]
    Missing,
    #[error("params.notifications: not a subscription filter")]
    Malformed,
    #[error("params.notifications.resourceSubscriptions: more than {MAX_RESOURCES}")]
    TooLong,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Filter {
    /// The filter of a request.
    pub(crate) fn of(request: &Message) -> Result<Self, InvalidFilter> {
        #[derive(Deserialize)]
        struct Params {
            notifications: Option<serde_json::Value>,
        }
        let params = request.params().map_or(&b"{}"[..], |params| request.text(params));
        let params: Params =
            serde_json::from_slice(params).map_err(|_| InvalidFilter::Malformed)?;
        let filter = params.notifications.ok_or(InvalidFilter::Missing)?;
        if !filter.is_object() {
            return Err(InvalidFilter::Malformed);
        }
        let mut filter: Self =
            serde_json::from_value(filter).map_err(|_| InvalidFilter::Malformed)?;
        filter.resource_subscriptions.sort_unstable();
        filter.resource_subscriptions.dedup();
        if filter.resource_subscriptions.len() > MAX_RESOURCES {
            return Err(InvalidFilter::TooLong);
        }
        Ok(filter)
    }

    /// What of it this server can honour.
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

    /// Whether it lets a notification through.
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

    /// The first message of the subscription of the request with this raw id.
    pub(crate) fn acknowledgement(&self, id: &str) -> String {
        let filter = serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned());
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{filter},"_meta":{{"{SUBSCRIPTION_ID}":{id}}}}}}}"#
        )
    }
}
