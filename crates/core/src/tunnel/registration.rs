//! Reads what the tunnel server assigned from its answer. Pure.
//!
//! The URL is corrected to contain the *assigned* id: a server builds it from the requested id even
//! if that one belongs to another client and a different one was assigned.

use http::uri::Authority;
use reqwest::Url;
use serde::Deserialize;

/// Most pool connections that a server accepts for one tunnel, whatever it announces.
const MAX_CONNECTIONS: usize = 10;
/// Longest id a server reads from a pool connection, without the newline.
const MAX_ID_BYTES: usize = 99;

/// One registered tunnel.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    /// The assigned id: the first label of the public host name.
    pub(super) id: String,
    /// The public URL, without a trailing slash.
    pub(super) url: String,
    /// Where pool connections go: a port of the tunnel server's own host, whatever its answer says.
    /// The answer may be forged on the way, and the host comes from the operator.
    pub(super) pool: Authority,
    /// Whether all tunnels share the pool port: then each connection starts with a line that
    /// contains the id.
    pub(super) shared: bool,
    /// Fewest and most connections to keep open.
    pub(super) connections: (usize, usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: String,
    port: u16,
    url: String,
    max_conn_count: Option<usize>,
    #[serde(default)]
    shared_tunnel: bool,
}

impl Registration {
    /// Reads the answer of the server `host` to a request for `wanted`.
    pub(super) fn parse(body: &[u8], host: &str, wanted: Option<&str>) -> Result<Self, String> {
        let answer: Answer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let id_is_one_label = !answer.id.is_empty()
            && answer.id.len() <= MAX_ID_BYTES
            && answer.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !id_is_one_label {
            return Err(format!("the id {:?} is not a host name label", answer.id));
        }
        if answer.port == 0 {
            return Err("the port is 0".to_owned());
        }
        let url = Url::parse(&answer.url)
            .map_err(|error| format!("the URL {:?} is wrong: {error}", answer.url))?;
        Ok(Self {
            url: assigned_url(url, wanted, &answer.id)?,
            pool: authority(host, answer.port)?,
            shared: answer.shared_tunnel,
            connections: connections(answer.max_conn_count),
            id: answer.id,
        })
    }
}

/// The announced number, all of them from the start. If none is announced, one is enough until it
/// is in use, and the pool may grow to what every server accepts.
fn connections(announced: Option<usize>) -> (usize, usize) {
    match announced {
        Some(count) => {
            let count = count.clamp(1, MAX_CONNECTIONS);
            (count, count)
        }
        None => (1, MAX_CONNECTIONS),
    }
}

fn authority(host: &str, port: u16) -> Result<Authority, String> {
    let bare_v6 = host.contains(':') && !host.starts_with('[');
    let text = if bare_v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    text.parse().map_err(|error| format!("the pool address {text:?} is wrong: {error}"))
}

/// `url` with its first label replaced if that is the wanted id and another one was assigned. URLs
/// in any other form stay unchanged.
fn assigned_url(mut url: Url, wanted: Option<&str>, id: &str) -> Result<String, String> {
    if let Some((label, domain)) = url.host_str().and_then(|host| host.split_once('.'))
        && label != id
        && wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case(label))
    {
        let host = format!("{id}.{domain}");
        url.set_host(Some(&host))
            .map_err(|error| format!("the host {host:?} is wrong: {error}"))?;
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Registration, String> {
        Registration::parse(body.as_bytes(), "tunnel.example", Some("wanted"))
    }

    #[test]
    fn the_url_follows_the_assigned_id() {
        for (url, id, expected) in [
            ("https://wanted.t.example", "wanted", "https://wanted.t.example"),
            ("https://wanted.t.example/", "wanted", "https://wanted.t.example"),
            ("http://wanted.t.example:81", "calm-owl-7", "http://calm-owl-7.t.example:81"),
            ("https://other.t.example", "calm-owl-7", "https://other.t.example"),
            ("https://t.example/calm-owl-7", "calm-owl-7", "https://t.example/calm-owl-7"),
        ] {
            let body = format!(r#"{{"id":"{id}","port":9,"url":"{url}","new":[1]}}"#);
            assert_eq!(parse(&body).unwrap().url, expected);
        }
    }

    #[test]
    fn pool_size_and_address_come_from_the_answer() {
        let answer = |more: &str| {
            parse(&format!(r#"{{"id":"wanted","port":9,"url":"http://wanted.t"{more}}}"#)).unwrap()
        };
        assert_eq!(answer("").connections, (1, 10));
        assert_eq!(answer(r#","maxConnCount":5"#).connections, (5, 5));
        assert_eq!(answer(r#","maxConnCount":0"#).connections, (1, 1));
        assert_eq!(answer(r#","maxConnCount":4000"#).connections, (10, 10));
        assert_eq!(answer("").pool, "tunnel.example:9");
        assert_eq!(answer(r#","ip":"10.1.2.3""#).pool, "tunnel.example:9");
        let body = br#"{"id":"wanted","port":9,"url":"http://wanted.t"}"#;
        assert_eq!(Registration::parse(body, "fe80::1", None).unwrap().pool, "[fe80::1]:9");
        assert!(!answer("").shared);
        assert!(answer(r#","sharedTunnel":true"#).shared);
    }

    #[test]
    fn answers_that_cannot_be_used_are_refused() {
        for body in [
            "<html>",
            r#"{"id":"wanted","url":"http://wanted.t"}"#,
            r#"{"id":"wanted","port":0,"url":"http://wanted.t"}"#,
            r#"{"id":"wanted","port":70000,"url":"http://wanted.t"}"#,
            r#"{"id":"two\nlines","port":9,"url":"http://wanted.t"}"#,
            r#"{"id":"","port":9,"url":"http://wanted.t"}"#,
            r#"{"id":"wanted","port":9,"url":"nowhere"}"#,
        ] {
            assert!(parse(body).is_err(), "{body}");
        }
    }
}
