//! Lines of a recording as log records of OpenTelemetry, in the JSON form of OTLP.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// Severities of OTLP.
const INFO: u32 = 9;
const WARN: u32 = 13;

/// These lines as one `ExportLogsServiceRequest` and a line feed, in the format of collectors'
/// files; empty if there are none. Their times count from `started`.
pub(crate) fn otlp_logs(lines: &[u8], started: SystemTime) -> Vec<u8> {
    let lines = lines.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice::<Map<String, Value>>(line).ok());
    let since = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let records: Vec<Value> = lines.map(|line| record(line, since)).collect();
    if records.is_empty() {
        return Vec::new();
    }
    let attributes = attributes([
        ("service.name", json!("mcp-proxy")),
        ("service.version", json!(crate::VERSION)),
    ]);
    let scope = json!({ "name": "mcp-proxy.tap", "version": crate::VERSION });
    let request = json!({ "resourceLogs": [{
        "resource": { "attributes": attributes },
        "scopeLogs": [{ "scope": scope, "logRecords": records }],
    }] });
    format!("{request}\n").into_bytes()
}

fn record(mut line: Map<String, Value>, started: u128) -> Value {
    let mut take = |name: &str| line.remove(name).unwrap_or_default();
    let time = (started + u128::from(take("t").as_u64().unwrap_or_default())).to_string();
    let (http, event, point) = (take("http"), take("event"), take("point"));
    let text = [take("text"), take("base64")].into_iter().find(|text| !text.is_null());
    let refused = http["status"].as_u64().is_some_and(|status| status >= 400);
    let ended = event["what"] == "ended" || event["step"] == "failed" || point == "lost";
    let severity = if refused || ended { WARN } else { INFO };
    let what = match (&text, &http["method"], &event["what"]) {
        (Some(text), ..) => text.clone(),
        (None, Value::String(method), _) => json!(format!(
            "{method} {} {}",
            http["target"].as_str().unwrap_or_default(),
            http["status"]
        )),
        (None, _, Value::String(what)) => json!(what),
        _ => point.clone(),
    };
    let nested = [("http", http), ("event", event)].into_iter().flat_map(|(group, value)| {
        let members = value.as_object().cloned().unwrap_or_default();
        members.into_iter().map(move |(name, value)| (format!("{group}.{name}"), value))
    });
    let own = [("point".to_owned(), point)].into_iter().chain(line).chain(nested);
    json!({
        "timeUnixNano": time,
        "observedTimeUnixNano": time,
        "severityNumber": severity,
        "severityText": if severity == WARN { "WARN" } else { "INFO" },
        "body": { "stringValue": what },
        "attributes": attributes(own.map(|(name, value)| (format!("mcp_proxy.{name}"), value))),
    })
}

fn attributes<N: Into<String>>(pairs: impl IntoIterator<Item = (N, Value)>) -> Vec<Value> {
    let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value));
    pairs.map(|(key, value)| json!({ "key": key, "value": any(value) })).collect()
}

/// `AnyValue`.
fn any(value: Value) -> Value {
    match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        // In protobuf's JSON form, 64-bit numbers are strings.
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Array(all) => {
            json!({ "arrayValue": { "values": all.into_iter().map(any).collect::<Vec<_>>() } })
        }
        Value::Object(members) => {
            json!({ "kvlistValue": { "values": attributes(members) } })
        }
        Value::Null => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_become_records_with_their_times_and_nothing_is_left_out() {
        let lines = concat!(
            r#"{"n":3,"t":5,"point":"from-client","session":"0a","text":"{\"id\":1}"}"#,
            "\n",
            r#"{"n":4,"t":6,"point":"http","http":{"method":"POST","target":"/mcp","status":401,"took":7,"request":[["a","b"]],"response":[]}}"#,
            "\n",
            r#"{"n":5,"t":7,"point":"server","server":2,"name":"files","event":{"what":"ended","name":"files","outcome":"exited"}}"#,
            "\n",
        );
        let started = UNIX_EPOCH + Duration::from_secs(1);
        let request: Value = serde_json::from_slice(&otlp_logs(lines.as_bytes(), started)).unwrap();
        let records = &request["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        assert_eq!(records[0]["timeUnixNano"], "1000000005");
        assert_eq!(records[0]["body"]["stringValue"], r#"{"id":1}"#);
        assert_eq!(records[1]["body"]["stringValue"], "POST /mcp 401");
        let severities: Vec<_> =
            (0..3).map(|index| records[index]["severityText"].as_str().unwrap()).collect();
        assert_eq!(severities, ["INFO", "WARN", "WARN"]);
        let attribute = |index: usize, key: &str| {
            let all = records[index]["attributes"].as_array().unwrap();
            all.iter().find(|one| one["key"] == key).map(|one| one["value"].clone())
        };
        assert_eq!(attribute(0, "mcp_proxy.session"), Some(json!({ "stringValue": "0a" })));
        assert_eq!(attribute(1, "mcp_proxy.http.took"), Some(json!({ "intValue": "7" })));
        assert_eq!(attribute(2, "mcp_proxy.name"), Some(json!({ "stringValue": "files" })));
        assert_eq!(
            attribute(1, "mcp_proxy.http.request").unwrap()["arrayValue"]["values"][0]["arrayValue"]
                ["values"][1],
            json!({ "stringValue": "b" })
        );
        assert!(otlp_logs(b"", started).is_empty());
    }
}
