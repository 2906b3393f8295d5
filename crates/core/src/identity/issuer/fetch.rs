//! Fetches documents of issuers: small ones, over HTTPS, without redirects, and not from private
//! networks.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, header};
use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

use super::address::is_private;
use crate::{
    error::Error,
    identity::{token::Seconds, well_known::is_safe},
    tls,
};

/// Longest document that is read.
const MAX_DOCUMENT: usize = 64 * 1024;
/// Time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To any address: the operator has configured it.
    Anywhere,
    /// Only to the internet: a document from there has named it.
    Public,
}

/// A document, and how long it stays valid, if its source says so.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) body: Vec<u8>,
    pub(crate) lifetime: Option<Seconds>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Fetcher {
    anywhere: Client,
    public: Client,
}

impl Fetcher {
    pub(crate) fn new() -> Result<Self, Error> {
        let tls = tls::client()?;
        let builder = || {
            ClientBuilder::new()
                .user_agent(concat!("mcp-proxy/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .timeout(TIMEOUT)
                .tls_backend_preconfigured(tls.clone())
        };
        let failed = |error: reqwest::Error| Error::Auth(chain(&error));
        Ok(Self {
            anywhere: builder().build().map_err(failed)?,
            public: builder().dns_resolver(Arc::new(PublicOnly)).build().map_err(failed)?,
        })
    }

    /// The document at this place; `None` if there is none.
    pub(crate) async fn get(&self, url: &Url, reach: Reach) -> Result<Option<Document>, String> {
        let client = match reach {
            Reach::Anywhere => &self.anywhere,
            Reach::Public => &self.public,
        };
        if !is_safe(url) {
            return Err(format!("{url} is not used, because it is not an HTTPS URL"));
        }
        if reach == Reach::Public && literal(url).is_some_and(is_private) {
            return Err(private(url.host_str().unwrap_or_default()));
        }
        let request = client.get(url.clone()).header(header::ACCEPT, "application/json");
        answer(request).await.map_err(|why| format!("{url}: {why}"))
    }

    /// The answer to a form.
    pub(crate) async fn post(
        &self,
        url: &Url,
        authorization: Option<&HeaderValue>,
        form: String,
    ) -> Result<Document, String> {
        let mut request = self
            .anywhere
            .post(url.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let document = answer(request.body(form)).await.map_err(|why| format!("{url}: {why}"))?;
        document.ok_or_else(|| format!("{url} does not answer"))
    }
}

async fn answer(request: RequestBuilder) -> Result<Option<Document>, String> {
    let response = request.send().await.map_err(|error| chain(&error.without_url()))?;
    match response.status().as_u16() {
        200 => {}
        404 | 405 | 410 => return Ok(None),
        status => return Err(format!("it answered {status}")),
    }
    let lifetime = max_age(response.headers());
    Ok(Some(Document { body: read(response).await?, lifetime }))
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error.without_url()))? {
        if body.len() + chunk.len() > MAX_DOCUMENT {
            return Err(format!("it is longer than {MAX_DOCUMENT} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `Cache-Control: max-age` (RFC 9111 §5.2.2.1).
fn max_age(headers: &HeaderMap) -> Option<Seconds> {
    let control = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let mut directives = control.split(',').map(str::trim);
    directives.find_map(|one| {
        let (name, value) = one.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok())?
    })
}

/// The IP address in a URL, if its host is one.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn private(host: &str) -> String {
    format!("{host} is in a private network, and its issuer is not")
}

/// Whether a host is in a private network.
pub(crate) async fn is_in_private_network(url: &Url) -> bool {
    if let Some(address) = literal(url) {
        return is_private(address);
    }
    let Some(host) = url.host_str() else { return false };
    let found = tokio::net::lookup_host((host, 0)).await;
    found.is_ok_and(|mut all| all.any(|address| is_private(address.ip())))
}

/// Resolves a name to the addresses that are not in a private network.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut public = found.filter(|address| !is_private(address.ip())).peekable();
            if public.peek().is_none() {
                return Err(io::Error::other(private(name.as_str())).into());
            }
            Ok(Box::new(public.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_found_among_directives() {
        for (control, expected) in [
            ("max-age=60", Some(60)),
            ("public, Max-Age=\"600\", must-revalidate", Some(600)),
            ("no-store", None),
            ("max-age=soon", None),
            ("s-maxage=5", None),
        ] {
            let value = HeaderValue::from_static(control);
            assert_eq!(max_age(&HeaderMap::from_iter([(header::CACHE_CONTROL, value)])), expected);
        }
    }

    #[tokio::test]
    async fn nobody_outside_sends_us_to_a_private_network() {
        let fetcher = Fetcher::new().unwrap();
        for inside in [
            "https://10.0.0.1/keys",
            "https://[::1]/keys",
            "http://127.0.0.1/keys",
            "https://[::ffff:169.254.169.254]/keys",
            "https://2130706433/keys",
            "https://localhost/keys",
        ] {
            let why = fetcher.get(&inside.parse().unwrap(), Reach::Public).await.unwrap_err();
            assert!(why.contains("private network"), "{why}");
        }
        let plain = fetcher.get(&"http://h.example/keys".parse().unwrap(), Reach::Anywhere).await;
        assert!(plain.unwrap_err().contains("HTTPS"));
        assert!(is_in_private_network(&"https://localhost/".parse().unwrap()).await);
        assert!(!is_in_private_network(&"https://1.1.1.1/".parse().unwrap()).await);
    }
}
