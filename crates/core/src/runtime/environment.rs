//! Environment variables about proxies that libraries do not read.

/// Whether `NO_PROXY` turns every proxy off. A single `*` does, as in curl; the HTTP client only
/// supports names and addresses.
pub(crate) fn turns_proxies_off() -> bool {
    let named = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok());
    named.is_some_and(|names| names.split(',').any(|name| name.trim() == "*"))
}
