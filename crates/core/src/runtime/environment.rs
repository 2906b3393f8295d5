//! What the environment says of the way to other machines, where libraries do not read it.

/// Whether `NO_PROXY` turns every proxy off. A lone `*` does, as in curl; the HTTP client knows
/// names and addresses only.
pub(crate) fn turns_proxies_off() -> bool {
    let named = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok());
    named.is_some_and(|names| names.split(',').any(|name| name.trim() == "*"))
}
