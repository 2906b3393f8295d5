//! Signing in with a browser: the URL that is opened, and the request that comes back from it.

use std::time::Duration;

use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use uuid::Uuid;

use super::{
    browser,
    discovery::{AuthorizationServer, is_safe},
    grant,
};
use crate::telemetry::console_error;

/// Time a person has to sign in.
const PATIENCE: Duration = Duration::from_mins(5);
/// Time a browser has to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REQUEST: usize = 16 * 1024;
const CALLBACK: &str = "/callback";

/// Waits on this machine for the browser to come back.
#[derive(Debug)]
pub(super) struct Callback {
    listener: TcpListener,
    pub(super) redirect: String,
}

/// What the browser brought back.
pub(super) struct Consent {
    pub(super) code: String,
    pub(super) verifier: PkceCodeVerifier,
}

/// What is asked for.
pub(super) struct Wish<'a> {
    pub(super) server: &'a AuthorizationServer,
    pub(super) client_id: &'a str,
    pub(super) resource: Option<&'a str>,
    pub(super) scopes: &'a [String],
    pub(super) headless: bool,
}

impl Callback {
    pub(super) async fn open(port: u16) -> Result<Self, String> {
        let failed =
            |error: std::io::Error| format!("no port for the browser to come back to: {error}");
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self { listener, redirect: format!("http://127.0.0.1:{port}{CALLBACK}") })
    }

    /// Sends somebody to the authorization server and waits until they are back.
    pub(super) async fn consent(&self, wish: &Wish<'_>) -> Result<Consent, String> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = Uuid::new_v4().simple().to_string();
        let url = self.address(wish, &challenge, &state)?;
        console_error!("sign in to use the server:\n  {url}");
        if !wish.headless {
            browser::open(&url);
        }
        let returned = timeout(PATIENCE, self.returned(&state, wish.server)).await;
        let code = returned.map_err(|_| "nobody signed in within five minutes".to_owned())??;
        Ok(Consent { code, verifier })
    }

    fn address(
        &self,
        wish: &Wish<'_>,
        challenge: &PkceCodeChallenge,
        state: &str,
    ) -> Result<Url, String> {
        let place = wish.server.authorization_endpoint.as_deref();
        let place = place.ok_or("the authorization server lets nobody sign in")?;
        let mut url = grant::url(place)?;
        if !is_safe(&url) {
            return Err(format!("{place:?} is no HTTPS URL"));
        }
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", wish.client_id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("state", state)
            .append_pair("code_challenge", challenge.as_str())
            .append_pair("code_challenge_method", "S256");
        if let Some(resource) = wish.resource {
            query.append_pair("resource", resource);
        }
        if !wish.scopes.is_empty() {
            query.append_pair("scope", &wish.scopes.join(" "));
        }
        if wish.scopes.iter().any(|scope| scope == "offline_access") {
            query.append_pair("prompt", "consent");
        }
        drop(query);
        Ok(url)
    }

    /// The code, from the first request that is the browser's own.
    async fn returned(&self, state: &str, server: &AuthorizationServer) -> Result<String, String> {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else { continue };
            let Some(target) = read_target(&mut stream).await else { continue };
            let outcome = outcome(&target, state, server);
            let (status, text) = match &outcome {
                None => ("404 Not Found", "There is nothing here.".to_owned()),
                Some(Ok(_)) => ("200 OK", "You are signed in; this page can be closed.".to_owned()),
                Some(Err(problem)) => ("400 Bad Request", format!("Not signed in: {problem}")),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
            // Whether the browser shows it changes nothing.
            drop(stream.write_all(answer.as_bytes()).await);
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }
}

async fn read_target(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let reading = async {
        while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < MAX_REQUEST {
            if stream.read_buf(&mut request).await.ok()? == 0 {
                return None;
            }
        }
        Some(())
    };
    timeout(REQUEST_TIMEOUT, reading).await.ok()??;
    let text = String::from_utf8(request).ok()?;
    let mut words = text.split(' ');
    words.next().filter(|verb| *verb == "GET")?;
    words.next().map(str::to_owned)
}

/// What a request for this target means; none if it is not the one that is waited for.
fn outcome(
    target: &str,
    state: &str,
    server: &AuthorizationServer,
) -> Option<Result<String, String>> {
    let url = Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    if url.path() != CALLBACK || value("state").as_deref() != Some(state) {
        return None;
    }
    match value("iss") {
        Some(issuer) if issuer != server.issuer => {
            return Some(Err(format!("the answer is from another server, {issuer}")));
        }
        None if server.authorization_response_iss_parameter_supported => {
            return Some(Err("the answer does not say which server it is from".to_owned()));
        }
        _ => {}
    }
    if let Some(error) = value("error") {
        let described = value("error_description").map(|text| format!(": {text}"));
        return Some(Err(format!("{error}{}", described.unwrap_or_default())));
    }
    Some(value("code").ok_or_else(|| "there is no code in the answer".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(names_itself: bool) -> AuthorizationServer {
        AuthorizationServer {
            issuer: "https://as".to_owned(),
            authorization_response_iss_parameter_supported: names_itself,
            ..AuthorizationServer::default()
        }
    }

    #[test]
    fn only_the_answer_that_is_waited_for_counts() {
        let silent = server(false);
        for target in
            ["/", "/favicon.ico", "/callback", "/callback?code=c", "/callback?state=x&code=c"]
        {
            assert_eq!(outcome(target, "s", &silent), None, "{target}");
        }
        let code = outcome("/callback?state=s&code=a%2Fb", "s", &silent);
        assert_eq!(code, Some(Ok("a/b".to_owned())));
        let refused = outcome("/callback?state=s&error=access_denied", "s", &silent);
        assert_eq!(refused, Some(Err("access_denied".to_owned())));
        assert!(outcome("/callback?state=s", "s", &silent).is_some_and(|outcome| outcome.is_err()));
    }

    #[test]
    fn an_answer_of_another_server_is_refused() {
        let answer = |query: &str, names_itself| {
            outcome(&format!("/callback?state=s&code=c{query}"), "s", &server(names_itself))
                .unwrap()
                .is_ok()
        };
        assert!(answer("", false) && answer("&iss=https%3A%2F%2Fas", false));
        assert!(answer("&iss=https%3A%2F%2Fas", true) && !answer("", true));
        assert!(!answer("&iss=https%3A%2F%2Fevil", false));
    }
}
