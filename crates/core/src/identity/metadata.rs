//! The metadata document of an endpoint (RFC 9728 §2). Pure.

use serde::Serialize;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProtectedResource<'a> {
    /// The endpoint's public URL.
    pub(crate) resource: String,
    pub(crate) authorization_servers: &'a [String],
    /// The scopes that everything requires; clients request them first.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
}

impl<'a> ProtectedResource<'a> {
    pub(crate) fn new(resource: String, issuers: &'a [String], scopes: &'a [String]) -> Self {
        Self {
            resource,
            authorization_servers: issuers,
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_resource_issuers_and_scopes() {
        let (issuers, scopes) = (["https://idp".to_owned()], ["a".to_owned()]);
        let document = ProtectedResource::new("https://h/mcp".to_owned(), &issuers, &scopes);
        assert_eq!(
            document.to_json(),
            r#"{"resource":"https://h/mcp","authorization_servers":["https://idp"],"scopes_supported":["a"],"bearer_methods_supported":["header"]}"#
        );
        let bare = ProtectedResource::new("https://h/mcp".to_owned(), &issuers, &[]);
        assert!(!bare.to_json().contains("scopes_supported"));
    }
}
