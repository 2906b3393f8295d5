//! Cookies of one session with a server: in memory, for its origin only.
//!
//! Load balancers use them to keep a session on one machine. One client's cookies are not sent for
//! another.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

/// Most cookies that are kept; beyond that, the oldest is dropped.
const MAX_COOKIES: usize = 50;
/// Longest name and value, as in browsers (RFC 6265 section 6.1).
const MAX_LENGTH: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Cookies(Mutex<Vec<Cookie>>);

#[derive(Clone, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    /// The path to which it is sent, with everything below.
    path: String,
}

/// Values may be secrets.
impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookie").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Cookies {
    fn lock(&self) -> MutexGuard<'_, Vec<Cookie>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the cookies in the answer to a request for this path.
    pub(super) fn keep(&self, headers: &HeaderMap, path: &str) {
        for header in headers.get_all(SET_COOKIE) {
            let Ok(text) = header.to_str() else { continue };
            let Some((cookie, lives)) = read(text, path) else { continue };
            let mut kept = self.lock();
            kept.retain(|known| known.name != cookie.name || known.path != cookie.path);
            if lives {
                kept.push(cookie);
            }
            if kept.len() > MAX_COOKIES {
                kept.remove(0);
            }
        }
    }

    /// The cookies for this path; `None` if there are none.
    pub(super) fn header(&self, path: &str) -> Option<HeaderValue> {
        let kept = self.lock();
        let mut sent: Vec<&Cookie> =
            kept.iter().filter(|cookie| covers(&cookie.path, path)).collect();
        // RFC 6265 section 5.4: longer paths come first.
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value));
        let text = pairs.collect::<Vec<_>>().join("; ");
        let mut value = HeaderValue::from_str(&text).ok().filter(|_| !text.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Reads a `Set-Cookie` header; `false` if it deletes the cookie. The domain is ignored, since
/// cookies are sent to their own origin only, and so are attributes for browsers.
fn read(text: &str, requested: &str) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.len() + value.len() > MAX_LENGTH {
        return None;
    }
    let directory = requested.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut path = if directory.is_empty() { "/" } else { directory };
    let (mut age, mut end) = (None, None);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "path" if value.trim().starts_with('/') => path = value.trim(),
            "max-age" => age = value.trim().parse::<i64>().ok(),
            "expires" => end = httpdate::parse_http_date(value.trim()).ok(),
            _ => {}
        }
    }
    let lives = match (age, end) {
        (Some(age), _) => age > 0,
        (None, Some(end)) => end > SystemTime::now(),
        (None, None) => true,
    };
    let cookie = Cookie { name: name.to_owned(), value: value.to_owned(), path: path.to_owned() };
    Some((cookie, lives))
}

/// Whether a cookie with this path is sent to that one (RFC 6265 section 5.1.4).
fn covers(cookie: &str, requested: &str) -> bool {
    let rest = requested.strip_prefix(cookie);
    rest.is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cookies: &Cookies, path: &str, headers: &[&str]) {
        let pairs = headers.iter().map(|text| (SET_COOKIE, HeaderValue::from_str(text).unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        cookies.keep(&map, path);
    }

    fn sent(cookies: &Cookies, path: &str) -> String {
        cookies.header(path).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn what_is_set_comes_back_where_it_belongs() {
        let cookies = Cookies::default();
        assert_eq!(sent(&cookies, "/mcp"), "");
        set(&cookies, "/mcp", &["LB=node7; Path=/; HttpOnly; Secure", "a = b ;Domain=other.test"]);
        assert_eq!(sent(&cookies, "/mcp"), "LB=node7; a=b");
        set(&cookies, "/mcp", &["LB=node8; Path=/", "deep=1; Path=/mcp/x", "=x", "none", ""]);
        assert_eq!(sent(&cookies, "/mcp"), "a=b; LB=node8");
        assert_eq!(sent(&cookies, "/mcp/x/y"), "deep=1; a=b; LB=node8");
        assert_eq!(sent(&cookies, "/mcp/xy"), "a=b; LB=node8");
        set(&cookies, "/a/b/mcp", &["near=1"]);
        assert!(
            sent(&cookies, "/a/b/other").contains("near=1")
                && !sent(&cookies, "/a").contains("near")
        );
    }

    #[test]
    fn what_is_over_goes() {
        let cookies = Cookies::default();
        for gone in [
            "a=; Max-Age=0",
            "a=; max-age=-1",
            "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "a=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0",
        ] {
            set(&cookies, "/mcp", &["a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
            assert_eq!(sent(&cookies, "/mcp"), "a=b", "{gone}");
            set(&cookies, "/mcp", &[gone]);
            assert_eq!(sent(&cookies, "/mcp"), "", "{gone}");
        }
    }

    #[test]
    fn a_server_cannot_fill_the_memory() {
        let cookies = Cookies::default();
        for number in 0..1000 {
            set(&cookies, "/mcp", &[&format!("n{number}=1")]);
        }
        assert_eq!(sent(&cookies, "/mcp").split("; ").count(), MAX_COOKIES);
        set(&cookies, "/mcp", &[&format!("long={}", "x".repeat(MAX_LENGTH))]);
        assert!(!sent(&cookies, "/mcp").contains("long"));
    }
}
