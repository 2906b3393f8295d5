//! The head of a request as one string, which JavaScript splits when somebody looks at it.

use mcp_proxy_core::host::Caller;

/// Method, target, peer and encryption, then names and values of the fields, between NULs, which
/// none of them can contain.
pub(crate) fn write(caller: &Caller) -> String {
    let mut text = format!(
        "{}\0{}\0{}\0{}\0{}",
        caller.method,
        caller.target,
        caller.peer.ip(),
        caller.peer.port(),
        u8::from(caller.encrypted)
    );
    for (name, value) in &caller.headers {
        text.push('\0');
        text.push_str(name.as_str());
        text.push('\0');
        // As Node reads them: every byte is a character.
        text.extend(value.as_bytes().iter().copied().map(char::from));
    }
    text
}
