//! Servers that refuse the newest handshake revision instead of answering with one that they support.

use super::version::{names_older, older_versions};
use crate::jsonrpc::{Code, Message};

/// The older handshake revisions to try after this answer to `initialize`; none if it is about
/// something else.
pub(crate) fn older_to_try(refusal: &Message) -> Vec<&'static str> {
    let Some(error) = refusal.error().filter(|_| concerns_version(refusal)) else {
        return Vec::new();
    };
    older_versions(&String::from_utf8_lossy(refusal.text(error)))
}

/// Whether an error may be about the revision.
fn concerns_version(refusal: &Message) -> bool {
    const CODES: [Code; 3] =
        [Code::InvalidParams, Code::InvalidRequest, Code::UnsupportedProtocolVersion];
    let error = refusal.error().map(|error| refusal.text(error)).unwrap_or_default();
    let error = String::from_utf8_lossy(error).to_lowercase();
    let codes = CODES.map(|code| i64::from(code.number()));
    refusal.error_code().is_some_and(|code| codes.contains(&code))
        || ["version", "protocol", "revision"].iter().any(|word| error.contains(word))
        || names_older(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_revision_is_known_in_many_words() {
        let refusal = |error: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":0,"error":{error}}}"#);
            Message::parse(text.into()).unwrap()
        };
        for error in [
            r#"{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2024-11-05"],"requested":"2025-11-25"}}"#,
            r#"{"code":-32602,"message":"bad"}"#,
            r#"{"code":-32600,"message":"Invalid Request"}"#,
            r#"{"code":-32022,"message":"no","data":{"supported":["2025-06-18"]}}"#,
            r#"{"code":-32000,"message":"Unsupported Protocol-Version"}"#,
            r#"{"code":-32603,"message":"server supports only 2024-11-05"}"#,
            r#"{"code":-32001,"message":"try 2025-03-26"}"#,
            r#"{"code":1,"message":"no","data":["2025-06-18"]}"#,
            r#"{"code":0,"message":"no","data":{"supportedVersions":[]}}"#,
            r#"{"code":-32603,"message":"unknown revision"}"#,
            r#"{"code":-32000,"message":"VERSION_MISMATCH"}"#,
        ] {
            assert!(concerns_version(&refusal(error)), "{error}");
        }
        for error in [
            r#"{"code":-32603,"message":"the API key is missing"}"#,
            r#"{"code":-32001,"message":"unauthorized"}"#,
            r#"{"code":-32603,"message":"licensed until 2024-12-31"}"#,
            r#"{"code":-32000,"message":"busy since 2025-11-25"}"#,
        ] {
            assert!(!concerns_version(&refusal(error)), "{error}");
        }
    }
}
