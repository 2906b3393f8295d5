//! Why a caller was refused: for the operator's log, never for the caller.

use super::Seconds;

/// Longest quotation from a token in the log.
const MAX_SHOWN: usize = 200;

/// See the module. It has no `Display`, so that it cannot slip into a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Because {
    /// There are no credentials.
    Nothing,
    /// More than one credential, or an ambiguous one.
    Ambiguous(&'static str),
    /// The token is longer than the limit.
    TooLong(usize),
    /// It is not a JWT, and nothing else is configured that could check it.
    Opaque,
    /// It does not consist of three parts in base64url.
    Malformed(&'static str),
    /// A JWE.
    Encrypted,
    /// A JWT within a JWT.
    Nested,
    /// Header or claims are not JSON objects, or have a member twice.
    Unreadable(&'static str, String),
    /// No signature, a shared secret, or an unknown algorithm.
    Algorithm(String),
    /// A token of another type.
    Kind(String),
    /// The header requires an extension (`crit`, `b64`, `zip`).
    Extension(&'static str),
    /// The issuer has no key with this id for this algorithm.
    UnknownKey(Option<String>),
    /// The issuer has several keys, and the token names none.
    UnnamedKey,
    /// The issuer's keys could not be fetched.
    NoKeys(String),
    /// The signature does not match the key.
    Signature,
    /// A required claim is missing, or has another type.
    Claim(&'static str),
    /// The token is of another issuer.
    Issuer { expected: Vec<String>, seen: String },
    /// The token is for another resource.
    Audience { expected: Vec<String>, seen: Vec<String> },
    /// It has expired, this many seconds ago.
    Expired(Seconds),
    /// It is not valid for this many seconds yet; by this claim.
    Early(&'static str, Seconds),
    /// It is bound to a key or certificate that was not presented.
    Bound,
    /// It fails a check of the provider's preset.
    Preset(&'static str),
    /// The scopes do not suffice.
    Scope { required: Vec<String>, missing: Vec<String> },
    /// A claim has none of the required values.
    Unentitled(String),
    /// The issuer says that the token is not (or no longer) valid.
    Inactive,
    /// There is no such static token or API key.
    UnknownSecret,
    /// The static token has expired.
    Lapsed(String),
}

impl Because {
    /// The reason as one word, for the log; only as precise as the client may know.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Nothing => "unauthorized",
            Self::Scope { .. } => "insufficient_scope",
            Self::Unentitled(_) => "forbidden",
            Self::NoKeys(_) => "unavailable",
            _ => "invalid_token",
        }
    }

    /// What happened and what to do, for the log. Texts from tokens are quoted and cut.
    pub(crate) fn explain(&self) -> String {
        match self {
            Self::Nothing => "the request has no credentials".to_owned(),
            Self::Ambiguous(what) => format!("the request has {what}"),
            Self::TooLong(bytes) => {
                format!("the token has {bytes} bytes; {} are read", super::MAX_TOKEN)
            }
            Self::Opaque => {
                "the token is not a JWT; --authIntrospect asks the issuer about opaque tokens, \
                             --authTokens lists static ones"
                    .to_owned()
            }
            Self::Malformed(what) => format!("the token is not a JWT: {what}"),
            Self::Encrypted => {
                "the token is encrypted (JWE); the issuer has to sign it only".to_owned()
            }
            Self::Nested => {
                "the token holds another token; the issuer must send the inner one".to_owned()
            }
            Self::Unreadable(part, why) => {
                format!("the token's {part} cannot be read: {}", quoted(why))
            }
            Self::Algorithm(name) => format!(
                "the token's alg is {}; accepted are RS256, RS384, RS512, PS256, PS384, PS512, \
                 ES256, ES384 and EdDSA",
                quoted(name)
            ),
            Self::Kind(name) => {
                format!("the token's typ is {}; an access token's is at+jwt or JWT", quoted(name))
            }
            Self::Extension(name) => {
                format!("the token's header has {name:?}, which is not supported")
            }
            Self::UnknownKey(None) => "the issuer has no key for the token's algorithm".to_owned(),
            Self::UnknownKey(Some(id)) => {
                format!(
                    "the issuer has no key with the token's kid {} for its algorithm",
                    quoted(id)
                )
            }
            Self::UnnamedKey => "the token has no kid, and the issuer has several keys".to_owned(),
            Self::NoKeys(why) => format!("the issuer's keys are not known: {why}"),
            Self::Signature => "the token's signature is wrong".to_owned(),
            _ => self.explain_claims(),
        }
    }

    fn explain_claims(&self) -> String {
        match self {
            Self::Claim(name) => format!("the token's {name:?} is missing or of the wrong type"),
            Self::Issuer { expected, seen } => {
                let slash = expected
                    .iter()
                    .any(|one| one.trim_end_matches('/') == seen.trim_end_matches('/'));
                let hint = if slash { "; they differ by the slash at the end only" } else { "" };
                format!(
                    "the token's issuer is {}; expected is {}{hint}",
                    quoted(seen),
                    listed(expected)
                )
            }
            Self::Audience { expected, seen } => format!(
                "the token's audience is {}; expected is {} (--authAudience)",
                listed(seen),
                listed(expected)
            ),
            Self::Expired(by) => {
                format!("the token expired {by} s ago; compare the clocks if it is new")
            }
            Self::Early(claim, by) => {
                format!("the token's {claim} is {by} s in the future; compare the clocks")
            }
            Self::Bound => "the token is bound to a key (cnf) that the client has not proved to \
                 have"
                .to_owned(),
            Self::Preset(why) => (*why).to_owned(),
            Self::Scope { required, missing } => format!(
                "the token lacks the scopes {}; needed are {}",
                listed(missing),
                listed(required)
            ),
            Self::Unentitled(claim) => {
                format!("the token's claim {} has none of the required values", quoted(claim))
            }
            Self::Inactive => "the issuer says that the token is not valid".to_owned(),
            Self::UnknownSecret => "no static token or API key matches".to_owned(),
            Self::Lapsed(name) => format!("the static token {name:?} has expired"),
            // `explain` covers the others.
            _ => String::new(),
        }
    }
}

/// A text from outside, without control characters, and cut.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(MAX_SHOWN).collect();
    let cut = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{cut}")
}

fn listed(all: &[String]) -> String {
    if all.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<String> = all.iter().take(8).map(|one| quoted(one)).collect();
    shown.join(", ")
}
