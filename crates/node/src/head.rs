//! The head of a request, as JavaScript reads it when it is first used.

use std::borrow::Cow;

use mcp_proxy_core::host::Caller;
use serde::Serialize;

/// The head in JSON: one string crosses to JavaScript faster than an object of thirty.
pub(crate) fn write(caller: &Caller) -> String {
    let mut spelled = Spelled::of(caller);
    let mut raw_headers = Vec::with_capacity(2 * caller.headers.len());
    for (name, value) in &caller.headers {
        raw_headers.push(Cow::Borrowed(spelled.take(name.as_str())));
        // As Node reads them: each byte is a character.
        let latin = || value.as_bytes().iter().copied().map(char::from).collect::<String>();
        raw_headers.push(value.to_str().map_or_else(|_| Cow::Owned(latin()), Cow::Borrowed));
    }
    let head = Head {
        method: caller.method.as_str(),
        target: caller.target.to_string(),
        remote_address: caller.peer.ip().to_string(),
        remote_port: caller.peer.port(),
        local_address: caller.local.ip().to_string(),
        local_port: caller.local.port(),
        encrypted: caller.encrypted,
        raw_headers,
    };
    // Strings and numbers can always be written.
    serde_json::to_string(&head).unwrap_or_default()
}

/// The members of `RequestHead` in `request.js`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    method: &'a str,
    target: String,
    remote_address: String,
    remote_port: u16,
    local_address: String,
    local_port: u16,
    encrypted: bool,
    /// Names and values in turn, as in Node's `rawHeaders`.
    raw_headers: Vec<Cow<'a, str>>,
}

/// The names of the fields as the client spelled them.
struct Spelled<'a>(Vec<&'a str>);

impl<'a> Spelled<'a> {
    fn of(caller: &'a Caller) -> Self {
        let names = std::str::from_utf8(&caller.spelled).unwrap_or_default();
        Self(names.lines().collect())
    }

    /// The next spelling of this name; the name itself, if no other is known.
    fn take<'n>(&mut self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        let place = self.0.iter().position(|spelled| spelled.eq_ignore_ascii_case(name));
        place.map_or(name, |place| self.0.remove(place))
    }
}
