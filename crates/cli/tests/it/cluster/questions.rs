//! Calls that wait for their client's answers, which may arrive at any replica.

use serde_json::Value;

use super::Replicas;
use crate::support::Modern;

#[test]
fn answers_find_their_call_at_any_replica() {
    let replicas = Replicas::with(3, "asks", &["--isolation", "session"]);
    let arguments = r#"{"method":"elicitation/create","params":{"mode":"form","message":"?","requestedSchema":{"type":"object","properties":{}}}}"#;
    let ask = |number: usize, members: Option<&str>| -> Value {
        let call = Modern::call("ask", arguments).capabilities(r#"{"elicitation":{"form":{}}}"#);
        let call = members.map_or(call.clone(), |members| call.params(members));
        serde_json::from_str(&replicas.send(number, &call.request()).message()).unwrap()
    };
    let asked = ask(0, None);
    let result = &asked["result"];
    assert_eq!(result["resultType"], "input_required", "{asked}");
    let key = result["inputRequests"].as_object().unwrap().keys().next().unwrap();
    let members = format!(
        r#""requestState":{},"inputResponses":{{"{key}":{{"action":"accept","content":{{}}}}}}"#,
        result["requestState"]
    );
    let answered = ask(1, Some(&members));
    assert!(answered["result"].to_string().contains("accept"), "{answered}");
    let again = ask(2, Some(&members));
    assert!(
        again["error"].is_object() || again["result"]["resultType"] == "input_required",
        "{again}"
    );
}
