//! The headers in which a 2026-07-28 request repeats parts of its body.
//!
//! They are derived from the body that is sent, never copied from the client's request.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Carrier;
use crate::{
    jsonrpc::{Message, find_member},
    protocol::header::{
        mirror::{mirrored_name, parameter_headers},
        value::encode,
    },
};

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

impl Carrier {
    /// The headers of this message, as far as its tool is known.
    pub(super) fn headers(&self, message: &Message) -> HeaderMap {
        let mut headers = standard(message);
        let parameters = tool(message).and_then(|tool| self.tools.of(&tool));
        if let Some(parameters) = parameters {
            let arguments = message
                .params()
                .and_then(|params| find_member(message.bytes(), params, "arguments"));
            headers.extend(parameter_headers(&parameters, message.bytes(), arguments));
        }
        headers
    }
}

/// The headers of every request.
pub(super) fn standard(message: &Message) -> HeaderMap {
    let name = mirrored_name(message);
    let own = [(METHOD, Some(message.method())), (NAME, name.as_deref().map(encode))];
    let value = |text: &str| HeaderValue::from_str(text).ok();
    let own = own.into_iter().filter_map(|(header, text)| Some((header, value(&text?)?)));
    own.collect()
}

/// The tool that a message calls.
pub(super) fn tool(message: &Message) -> Option<Cow<'_, str>> {
    message.name().filter(|_| message.method() == "tools/call")
}
