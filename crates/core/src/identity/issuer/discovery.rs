//! An issuer's metadata (RFC 8414, OpenID Connect Discovery). Everything except for the requests is
//! pure.

use reqwest::Url;
use serde_json::{Map, Value};

use super::fetch::{Document, Fetcher, Reach, is_in_private_network};
use crate::identity::{
    token::{object, quoted},
    well_known::{metadata_places, root},
};

/// The URL of an issuer's keys, from its document.
///
/// The document must name the issuer: another document on the same host must not speak for it.
pub(crate) fn jwks_uri(document: &[u8], spellings: &[String]) -> Result<Url, String> {
    let document = speaks_for(document, spellings)?;
    let place = document.get("jwks_uri").and_then(Value::as_str).ok_or("it names no jwks_uri")?;
    place.parse().map_err(|_| format!("its jwks_uri is not a URL: {}", quoted(place)))
}

/// A document that is the issuer's own.
pub(crate) fn speaks_for(
    document: &[u8],
    spellings: &[String],
) -> Result<Map<String, Value>, String> {
    let document = object(document)?;
    let issuer = document.get("issuer").and_then(Value::as_str).ok_or("it names no issuer")?;
    if !spellings.iter().any(|spelling| spelling == issuer) {
        let seen = quoted(issuer);
        return Err(format!("it is for {seen}; write the issuer as its metadata does"));
    }
    Ok(document)
}

/// Asks an issuer for the URL of its keys.
pub(crate) async fn discover(
    fetcher: &Fetcher,
    issuer: &Url,
    spellings: &[String],
) -> Result<(Url, Reach), String> {
    let (place, document) = described(fetcher, issuer).await?;
    let keys = jwks_uri(&document.body, spellings);
    let keys = keys.map_err(|why| format!("cannot use {place}: {why}"))?;
    let reach = reach(issuer, &keys).await;
    Ok((keys, reach))
}

/// An issuer's metadata, and their URL.
pub(crate) async fn described(fetcher: &Fetcher, issuer: &Url) -> Result<(Url, Document), String> {
    let mut problem = None;
    for place in metadata_places(issuer) {
        match fetcher.get(&place, Reach::Anywhere).await {
            Ok(Some(document)) => return Ok((place, document)),
            Ok(None) => {}
            Err(why) => {
                problem.get_or_insert(why);
            }
        }
    }
    Err(problem
        .unwrap_or_else(|| format!("{issuer} serves no metadata; --authJwks names its keys")))
}

/// Where a document of this issuer may lead.
async fn reach(issuer: &Url, place: &Url) -> Reach {
    let own = root(issuer) == root(place);
    if own || is_in_private_network(issuer).await { Reach::Anywhere } else { Reach::Public }
}

/// The keys at a known URL.
pub(crate) async fn keys(fetcher: &Fetcher, place: &Url, reach: Reach) -> Result<Document, String> {
    let document = fetcher.get(place, reach).await?;
    document.ok_or_else(|| format!("there are no keys at {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_an_issuer_in_a_private_network_sends_us_into_one() {
        for (issuer, place, expected) in [
            ("https://1.1.1.1/t", "https://10.0.0.1/keys", Reach::Public),
            ("https://1.1.1.1/t", "https://1.1.1.1:8443/keys", Reach::Public),
            ("https://1.1.1.1/t", "https://1.1.1.1/keys", Reach::Anywhere),
            ("https://10.0.0.1/t", "https://10.0.0.2/keys", Reach::Anywhere),
            ("http://localhost:1/t", "http://127.0.0.1:2/keys", Reach::Anywhere),
        ] {
            let [issuer, place] = [issuer, place].map(|url| url.parse::<Url>().unwrap());
            assert_eq!(reach(&issuer, &place).await, expected, "{issuer} {place}");
        }
    }

    #[test]
    fn a_document_speaks_for_its_own_issuer_only() {
        let spellings = ["https://idp/a".to_owned()];
        let found = |text: &str| jwks_uri(text.as_bytes(), &spellings).map(String::from);
        let good = r#"{"issuer":"https://idp/a","jwks_uri":"https://idp/keys"}"#;
        assert_eq!(found(good).unwrap(), "https://idp/keys");
        for (bad, reason) in [
            (r#"{"issuer":"https://idp/a/","jwks_uri":"https://idp/keys"}"#, "it is for"),
            (r#"{"issuer":"https://idp/b\u001b","jwks_uri":"https://idp/keys"}"#, "\\u{1b}"),
            (r#"{"issuer":1,"jwks_uri":"https://idp/keys"}"#, "names no issuer"),
            (r#"{"issuer":"https://idp/a"}"#, "jwks_uri"),
            (r#"{"issuer":"https://idp/a","jwks_uri":"keys"}"#, "not a URL"),
            (r#"{"issuer":"https://idp/b","issuer":"https://idp/a","jwks_uri":"x"}"#, "twice"),
            ("", "EOF"),
        ] {
            let why = found(bad).unwrap_err();
            assert!(why.contains(reason), "{why}");
        }
    }
}
