//! Signing in with a browser: the authorization URL, and the redirect.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use ring::digest;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::{
    callback::Callback,
    discovery::AuthorizationServer,
    grant,
    keys::fill,
    store::{Kept, Registered, now},
};
use crate::{config::Secret, identity::well_known::is_safe, upstream::http::fault::excerpt};

/// Age up to which a tab that another process has opened can still be used.
const LIFE_OF_A_TAB: Duration = Duration::from_mins(10);

/// A sign-in that has started. It is stored until it ends, so that its tab still works after the
/// process that opened it has ended.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// Seconds since 1970.
    began: u64,
    issuer: String,
    scope: String,
    pub(super) redirect: String,
    pub(super) client: Registered,
    state: String,
    pub(super) verifier: String,
}

impl Kept for Attempt {
    const ENDING: &'static str = "pending";
}

/// What is requested.
pub(super) struct Wish<'a> {
    pub(super) server: &'a AuthorizationServer,
    pub(super) resource: Option<&'a str>,
    /// Separated by spaces.
    pub(super) scope: &'a str,
    /// Further parameters.
    pub(super) parameters: &'a [(String, String)],
}

impl Attempt {
    /// A new one, as this client, with this redirect URI.
    pub(super) fn begin(
        wish: &Wish<'_>,
        client: Registered,
        redirect: &str,
    ) -> Result<Self, String> {
        Ok(Self {
            began: now().as_secs(),
            issuer: wish.server.issuer.clone(),
            scope: wish.scope.to_owned(),
            redirect: redirect.to_owned(),
            client,
            state: random()?,
            verifier: random()?,
        })
    }

    /// Whether it can be continued for this request; `client_id` is the configured client.
    pub(super) fn suits(&self, wish: &Wish<'_>, client_id: Option<&str>) -> bool {
        let age = now().saturating_sub(Duration::from_secs(self.began));
        age < LIFE_OF_A_TAB
            && self.issuer == wish.server.issuer
            && self.scope == wish.scope
            && client_id.is_none_or(|id| id == self.client.id)
    }

    /// The port of the redirect URI.
    pub(super) fn port(&self) -> Option<u16> {
        self.redirect.parse::<Url>().ok()?.port()
    }

    /// The authorization URL.
    pub(super) fn address(&self, wish: &Wish<'_>) -> Result<Url, String> {
        let place = wish.server.authorization_endpoint.as_deref();
        let place = place
            .ok_or("the authorization server names no authorization_endpoint to sign in at")?;
        let mut url = grant::url(place)?;
        if !is_safe(&url) {
            return Err(format!("{:?} is not an HTTPS URL", excerpt(place.as_bytes())));
        }
        let proof = digest::digest(&digest::SHA256, self.verifier.as_bytes());
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client.id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("state", &self.state)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(proof))
            .append_pair("code_challenge_method", "S256");
        if let Some(resource) = wish.resource {
            query.append_pair("resource", resource);
        }
        if !wish.scope.is_empty() {
            query.append_pair("scope", wish.scope);
        }
        let is_given = |name: &str| wish.parameters.iter().any(|(given, _)| given == name);
        if wish.scope.split(' ').any(|scope| scope == "offline_access") && !is_given("prompt") {
            query.append_pair("prompt", "consent");
        }
        query.extend_pairs(wish.parameters);
        drop(query);
        Ok(url)
    }

    /// What a request for this target means; `None` if it is not the expected redirect.
    pub(super) fn outcome(
        &self,
        target: &str,
        path: &str,
        server: &AuthorizationServer,
    ) -> Option<Result<String, String>> {
        let url = Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
        let value = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let expected = Secret::new(&*self.state);
        let is_expected = value("state").is_some_and(|state| expected.is(state.as_bytes()));
        if url.path() != path || !is_expected {
            return None;
        }
        match value("iss") {
            Some(issuer) if issuer != server.issuer => {
                let issuer = excerpt(issuer.as_bytes());
                return Some(Err(format!(
                    "the answer is from another authorization server, {issuer}"
                )));
            }
            None if server.authorization_response_iss_parameter_supported == Some(true) => {
                return Some(Err(
                    "the answer does not say which authorization server it is from".to_owned()
                ));
            }
            _ => {}
        }
        if let Some(error) = value("error") {
            let described = value("error_description").map(|text| format!(": {text}"));
            let hint =
                if error == "invalid_target" { "; --resource none names no resource" } else { "" };
            let said = format!("{error}{}", described.unwrap_or_default());
            return Some(Err(format!("{}{hint}", excerpt(said.as_bytes()))));
        }
        Some(value("code").ok_or_else(|| "the answer holds no authorization code".to_owned()))
    }

    /// Waits for the redirect; returns the code in it.
    pub(super) async fn returned(
        &self,
        callback: &Callback,
        server: &AuthorizationServer,
        pasted: bool,
    ) -> Result<String, String> {
        let path = callback.path();
        callback.answered(|target| self.outcome(target, path, server), pasted).await
    }
}

/// 256 random bits, in characters that a URL and a verifier may contain.
fn random() -> Result<String, String> {
    let mut bytes = [0; 32];
    fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(names_itself: bool) -> AuthorizationServer {
        AuthorizationServer {
            issuer: "https://as".to_owned(),
            authorization_endpoint: Some("https://as/authorize?tenant=1".to_owned()),
            authorization_response_iss_parameter_supported: Some(names_itself),
            ..AuthorizationServer::default()
        }
    }

    fn wish<'a>(server: &'a AuthorizationServer, scope: &'a str) -> Wish<'a> {
        Wish { server, resource: Some("https://h/mcp"), scope, parameters: &[] }
    }

    fn attempt() -> Attempt {
        let client = Registered { id: "me".to_owned(), ..Registered::default() };
        let server = server(false);
        let begun = Attempt::begin(&wish(&server, "a b"), client, "http://localhost:7/back");
        Attempt { state: "s".to_owned(), ..begun.unwrap() }
    }

    fn outcome(target: &str, server: &AuthorizationServer) -> Option<Result<String, String>> {
        attempt().outcome(target, "/callback", server)
    }

    #[test]
    fn only_the_answer_that_is_waited_for_counts() {
        let silent = server(false);
        for target in [
            "/",
            "/favicon.ico",
            "/callback",
            "/callback?code=c",
            "/callback?state=x&code=c",
            "/back?state=s&code=c",
        ] {
            assert_eq!(outcome(target, &silent), None, "{target}");
        }
        let code = outcome("/callback?state=s&code=a%2Fb", &silent);
        assert_eq!(code, Some(Ok("a/b".to_owned())));
        let refused = outcome("/callback?state=s&error=access_denied", &silent);
        assert_eq!(refused, Some(Err("access_denied".to_owned())));
        assert!(outcome("/callback?state=s", &silent).is_some_and(|outcome| outcome.is_err()));
        let dressed = outcome("/callback?state=s&error=x%1b%5b2J&error_description=y", &silent);
        assert_eq!(dressed, Some(Err("x[2J: y".to_owned())));
    }

    #[test]
    fn an_answer_of_another_server_is_refused() {
        let answer = |query: &str, names_itself| {
            outcome(&format!("/callback?state=s&code=c{query}"), &server(names_itself))
                .unwrap()
                .is_ok()
        };
        assert!(answer("", false) && answer("&iss=https%3A%2F%2Fas", false));
        assert!(answer("&iss=https%3A%2F%2Fas", true) && !answer("", true));
        assert!(!answer("&iss=https%3A%2F%2Fevil", false));
    }

    #[test]
    fn the_address_says_what_is_asked_for() {
        let server = server(false);
        let audience = [("audience".to_owned(), "x y".to_owned())];
        let wish = Wish { parameters: &audience, ..wish(&server, "a offline_access") };
        let url = attempt().address(&wish).unwrap();
        let value = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        for (name, expected) in [
            ("tenant", "1"),
            ("client_id", "me"),
            ("redirect_uri", "http://localhost:7/back"),
            ("state", "s"),
            ("resource", "https://h/mcp"),
            ("scope", "a offline_access"),
            ("prompt", "consent"),
            ("audience", "x y"),
        ] {
            assert_eq!(value(name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(value("code_challenge").unwrap().len(), 43);
        let own = [("prompt".to_owned(), "none".to_owned())];
        let url = attempt().address(&Wish { parameters: &own, ..wish }).unwrap();
        assert!(url.as_str().contains("prompt=none") && !url.as_str().contains("consent"));
    }

    #[test]
    fn an_attempt_is_carried_on_while_it_is_the_same_and_young() {
        let (same, other) = (server(false), AuthorizationServer::default());
        let attempt = attempt();
        assert!(
            attempt.suits(&wish(&same, "a b"), None)
                && attempt.suits(&wish(&same, "a b"), Some("me"))
        );
        assert!(!attempt.suits(&wish(&same, "a"), None));
        assert!(!attempt.suits(&wish(&same, "a b"), Some("you")));
        assert!(!attempt.suits(&wish(&other, "a b"), None));
        let old = Attempt { began: attempt.began - 601, ..attempt.clone() };
        assert!(!old.suits(&wish(&same, "a b"), None));
        assert_eq!(attempt.port(), Some(7));
    }
}
