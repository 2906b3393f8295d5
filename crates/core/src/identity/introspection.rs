//! Opaque tokens, which only their issuer can check (RFC 7662).
//!
//! Answers, also refusals, are remembered for a minute at most, so a revoked token stops working
//! then. Only a few requests run at a time, since anybody can send any token.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::{
    cache::{Cache, Hash},
    issuer::fetch::Fetcher,
    now,
    token::{
        Because, Claims, MAX_TOKEN, Reading, Rules, Seconds, check, check_issuer, check_times,
        object,
    },
    well_known::is_safe,
};

/// How long an answer is remembered.
const LIFETIME: Seconds = 60;
/// Most requests at a time.
const MAX_QUESTIONS: usize = 32;
/// Approximate bytes of an answer: only selected claims are kept.
const ANSWER: usize = 512;

/// See the module.
#[derive(Debug)]
pub(crate) struct Introspection {
    place: Url,
    /// The client's authentication.
    authorization: Option<HeaderValue>,
    rules: Rules,
    fetcher: Arc<Fetcher>,
    answers: Cache<Result<Arc<Claims>, Because>>,
    turns: Semaphore,
}

impl Introspection {
    /// `place` may contain the client and its secret before the host.
    pub(crate) fn new(place: &str, rules: Rules, fetcher: Arc<Fetcher>) -> Result<Self, String> {
        let mut place: Url = place.parse().map_err(|_| "--authIntrospect is not a URL")?;
        if !is_safe(&place) {
            return Err("--authIntrospect must be an HTTPS URL".to_owned());
        }
        let authorization = authorization(&place);
        let cleared = place.set_username("").and_then(|()| place.set_password(None));
        cleared.map_err(|()| "--authIntrospect has no host")?;
        Ok(Self {
            place,
            authorization,
            rules,
            fetcher,
            answers: Cache::default(),
            turns: Semaphore::new(MAX_QUESTIONS),
        })
    }

    /// Checks a token.
    pub(crate) async fn ask(&self, token: &str, hash: Hash) -> Result<Arc<Claims>, Because> {
        if token.len() > MAX_TOKEN {
            return Err(Because::TooLong(token.len()));
        }
        if let Some(answer) = self.answers.get(&hash, now()) {
            return answer;
        }
        let away = |why: String| Because::NoKeys(why);
        let _turn = self.turns.acquire().await.map_err(|error| away(error.to_string()))?;
        // Another request may have checked it meanwhile.
        if let Some(answer) = self.answers.get(&hash, now()) {
            return answer;
        }
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        let answer = self.fetcher.post(&self.place, self.authorization.as_ref(), form).await;
        let answer = answer.and_then(|document| object(&document.body)).map_err(away)?;
        let now = now();
        let answer = read(&answer, &self.rules, now).map(Arc::new);
        self.answers.insert(hash, answer.clone(), ANSWER, until(&answer, now));
        answer
    }
}

/// How long an answer is remembered: for a while, and no longer than the token lasts.
fn until(answer: &Result<Arc<Claims>, Because>, now: Seconds) -> Seconds {
    let expires = answer.as_ref().ok().and_then(|claims| claims.expires);
    expires.unwrap_or(Seconds::MAX).min(now + LIFETIME)
}

/// What an answer says about the token. A token for another resource is invalid.
pub(crate) fn read(
    answer: &Map<String, Value>,
    rules: &Rules,
    now: Seconds,
) -> Result<Claims, Because> {
    match answer.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(Because::Inactive),
        _ => return Err(Because::Claim("active")),
    }
    let reading = Reading(answer);
    if answer.contains_key("iss") {
        check_issuer(reading.text("iss")?, rules)?;
    }
    let expires = reading.time("exp")?;
    let named = named(answer);
    let claims = check(named.as_ref().unwrap_or(answer), rules)?;
    check_times(reading, expires, now)?;
    Ok(Claims { expires, ..claims })
}

/// The subject of a token without `sub`, for a program that acts for itself (RFC 7662 §2.2): its
/// client, which is nobody's name.
fn named(answer: &Map<String, Value>) -> Option<Map<String, Value>> {
    let client = Reading(answer).text("client_id").ok().filter(|_| !answer.contains_key("sub"))?;
    let mut named = answer.clone();
    named.insert("sub".to_owned(), format!("client:{client}").into());
    Some(named)
}

/// The client and its secret (RFC 6749 §2.3.1), in the form that they have in the URL.
fn authorization(place: &Url) -> Option<HeaderValue> {
    let secret = place.password()?;
    let pair = STANDARD.encode(format!("{}:{secret}", place.username()));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{config::AuthPreset, identity::token::Audience};

    fn judged(answer: &Value) -> Result<Claims, Because> {
        let audience = Audience::Named(vec!["https://h/mcp".to_owned()]);
        let rules = Rules::new("https://idp", audience, AuthPreset::Standard);
        read(answer.as_object().unwrap(), &rules, 1000)
    }

    #[test]
    fn only_a_token_that_is_active_and_for_us_is_good() {
        let good = json!({
            "active": true, "sub": "alice", "aud": "https://h/mcp", "scope": "a", "exp": 2000,
        });
        let claims = judged(&good).unwrap();
        assert_eq!((claims.issuer.as_str(), claims.subject.as_str()), ("https://idp", "alice"));
        assert_eq!(claims.expires, Some(2000));
        for (name, value) in [
            ("active", false.into()),
            ("active", "true".into()),
            ("active", Value::Null),
            ("sub", Value::Null),
            ("aud", "https://h/other".into()),
            ("aud", Value::Null),
            ("iss", "https://other".into()),
            ("exp", 900.into()),
            ("nbf", 2000.into()),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(judged(&bad).is_err(), "{name}");
        }
        let mut program = good.clone();
        program.as_object_mut().unwrap().remove("sub");
        assert_eq!(judged(&program), Err(Because::Claim("sub")));
        program["client_id"] = "batch".into();
        assert_eq!(judged(&program).unwrap().subject, "client:batch");
        let mut nowhere = good;
        nowhere.as_object_mut().unwrap().remove("aud");
        assert_eq!(judged(&nowhere), Err(Because::Claim("aud")));
    }

    #[test]
    fn answers_are_remembered_for_a_minute_at_most() {
        let good = |expires| Ok(Arc::new(Claims { expires, ..Claims::new("i", "alice") }));
        for (answer, expected) in [
            (good(None), 1060),
            (good(Some(5000)), 1060),
            (good(Some(1010)), 1010),
            (Err(Because::Inactive), 1060),
        ] {
            assert_eq!(until(&answer, 1000), expected, "{answer:?}");
        }
    }

    #[test]
    fn the_client_is_taken_out_of_the_url() {
        let audience = Audience::Named(Vec::new());
        let rules = Rules::new("https://idp", audience, AuthPreset::Standard);
        let fetcher = Arc::new(Fetcher::new().unwrap());
        let made =
            Introspection::new("https://me:s%20x@idp/i", rules.clone(), Arc::clone(&fetcher));
        let made = made.unwrap();
        assert_eq!(made.place.as_str(), "https://idp/i");
        assert_eq!(made.authorization.as_ref().unwrap(), "Basic bWU6cyUyMHg=");
        assert!(!format!("{made:?}").contains("bWU6"), "secrets are not shown");
        assert!(Introspection::new("http://idp/i", rules, fetcher).is_err());
    }
}
