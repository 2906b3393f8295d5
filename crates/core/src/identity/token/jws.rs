//! The compact form of a signed token: three parts of base64url (RFC 7515 §7.1).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{Algorithm, Because, MAX_TOKEN, strict::object};

/// Header members that change the meaning of the rest.
const EXTENSIONS: [&str; 3] = ["crit", "b64", "zip"];

/// A token that was parsed. Nothing in it is verified yet.
#[derive(Debug)]
pub(crate) struct Jws<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) claims: Map<String, Value>,
    /// The bytes that are signed.
    pub(super) signed: &'t str,
    pub(super) signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Whether a token looks like a JWT; opaque ones are checked elsewhere.
    pub(crate) fn looks_like(token: &str) -> bool {
        let mut parts = token.split('.');
        let head = parts.next().is_some_and(|head| head.starts_with("ey"));
        head && matches!(parts.count(), 2 | 4)
    }

    pub(crate) fn parse(token: &'t str) -> Result<Self, Because> {
        if token.len() > MAX_TOKEN {
            return Err(Because::TooLong(token.len()));
        }
        let mut parts = token.splitn(6, '.');
        let (head, claims) = (parts.next().unwrap_or_default(), parts.next());
        let (signature, rest) = (parts.next(), parts.count());
        let (Some(claims), Some(signature)) = (claims, signature) else {
            return Err(Because::Malformed("it has fewer than three parts"));
        };
        match rest {
            0 => {}
            2 => return Err(Because::Encrypted),
            _ => return Err(Because::Malformed("it does not have three parts")),
        }
        let header = read("header", head)?;
        let algorithm = algorithm(&header)?;
        check_kind(&header)?;
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Because::Unreadable("header", "kid is not a string".to_owned())),
        };
        Ok(Self {
            algorithm,
            kid,
            claims: read("claims", claims)?,
            signed: &token[..head.len() + 1 + claims.len()],
            signature: decoded(signature)?,
        })
    }

    /// The issuer that the token names; not verified yet.
    pub(crate) fn claimed_issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The parameters that select the key.
    pub(crate) fn key_id(&self) -> (Option<&str>, Algorithm) {
        (self.kid.as_deref(), self.algorithm)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, Because> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Because::Malformed("a part is not base64url"))
}

fn read(name: &'static str, part: &str) -> Result<Map<String, Value>, Because> {
    object(&decoded(part)?).map_err(|why| Because::Unreadable(name, why))
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, Because> {
    if header.contains_key("enc") {
        return Err(Because::Encrypted);
    }
    let Some(Value::String(name)) = header.get("alg") else {
        return Err(Because::Unreadable("header", "alg is not a string".to_owned()));
    };
    Algorithm::named(name).ok_or_else(|| Because::Algorithm(name.clone()))
}

/// RFC 8725 §3.11: a token of another type is not an access token.
fn check_kind(header: &Map<String, Value>) -> Result<(), Because> {
    if let Some(name) = EXTENSIONS.iter().find(|name| header.contains_key(**name)) {
        return Err(Because::Extension(name));
    }
    // RFC 7519 §5.2: the payload is a nested token.
    if header.contains_key("cty") {
        return Err(Because::Nested);
    }
    let kind = match header.get("typ") {
        None => return Ok(()),
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(Because::Unreadable("header", "typ is not a string".to_owned())),
    };
    let short = kind.get(..12).filter(|start| start.eq_ignore_ascii_case("application/"));
    let short = short.map_or(kind.as_str(), |_| &kind[12..]);
    let known = ["JWT", "at+jwt"].iter().any(|known| short.eq_ignore_ascii_case(known));
    if known { Ok(()) } else { Err(Because::Kind(kind.clone())) }
}
