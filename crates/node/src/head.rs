//! The head of a request as one string, which JavaScript splits when it is first used.

use mcp_proxy_core::host::Caller;

/// Method, target, both ends and encryption, then names and values of the fields, separated by
/// NULs, which none of them can contain.
pub(crate) fn write(caller: &Caller) -> String {
    let mut text = format!(
        "{}\0{}\0{}\0{}\0{}\0{}\0{}",
        caller.method,
        caller.target,
        caller.peer.ip(),
        caller.peer.port(),
        caller.local.ip(),
        caller.local.port(),
        u8::from(caller.encrypted)
    );
    let mut spelled = Spelled::of(caller);
    for (name, value) in &caller.headers {
        text.push('\0');
        text.push_str(spelled.take(name.as_str()));
        text.push('\0');
        // As Node reads them: each byte is a character.
        text.extend(value.as_bytes().iter().copied().map(char::from));
    }
    text
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
