//! What is shown of a URL.

/// A URL without its possibly secret parts: user, password and query.
pub(super) fn place(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return "the URL".to_owned() };
    // A URL without a host has no user either.
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return "the URL".to_owned();
    }
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}
