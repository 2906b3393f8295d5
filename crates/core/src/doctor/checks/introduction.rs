//! What a server says about itself in the handshake.

use serde_json::Value;

use crate::{
    doctor::{
        codes::{BAD_INTRODUCTION, OLD_REVISION, UNKNOWN_REVISION},
        report::Stage,
    },
    protocol::is_legacy,
};

/// Looks at the result of `initialize`.
pub(crate) fn check(result: &Value, stage: &mut Stage) {
    let Some(version) = result["protocolVersion"].as_str() else {
        return stage.fail(BAD_INTRODUCTION, "it has no protocolVersion");
    };
    if !is_legacy(version) {
        stage.fail(UNKNOWN_REVISION, format!("it answers with {version:?}"));
    } else if version < "2025-03-26" {
        stage.find(OLD_REVISION, "", format!("it answers with {version}"));
    }
    let info = &result["serverInfo"];
    let missing: Vec<&str> = [
        ("capabilities", result["capabilities"].is_object()),
        ("serverInfo", info.is_object()),
        ("serverInfo.name", info["name"].is_string() || !info.is_object()),
        ("serverInfo.version", info["version"].is_string() || !info.is_object()),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| (!is_there).then_some(name))
    .collect();
    if !missing.is_empty() {
        stage.find(BAD_INTRODUCTION, "", format!("it lacks {}", missing.join(", ")));
    }
}

/// The server in a few words.
pub(crate) fn named(result: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let info = &result["serverInfo"];
    format!(
        "{} {}, revision {}",
        word(&info["name"]),
        word(&info["version"]),
        word(&result["protocolVersion"])
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "short at each of its many callers")]
    fn codes(result: Value) -> Vec<u16> {
        let mut stage = Stage::new("handshake");
        check(&result, &mut stage);
        stage.findings.iter().map(|finding| finding.code.number).collect()
    }

    #[test]
    fn what_clients_need_has_to_be_there() {
        let whole = |version| {
            json!({ "protocolVersion": version, "capabilities": {},
                    "serverInfo": { "name": "s", "version": "1" } })
        };
        assert_eq!(codes(whole("2025-11-25")), [0_u16; 0]);
        assert_eq!(codes(whole("2024-11-05")), [411]);
        assert_eq!(codes(whole("2030-01-01")), [404]);
        assert_eq!(codes(json!({ "capabilities": {} })), [403]);
        assert_eq!(codes(json!({ "protocolVersion": "2025-11-25" })), [403]);
    }
}
