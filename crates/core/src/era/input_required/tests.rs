use serde_json::{Value, json};

use super::*;

fn message(value: &Value) -> Message {
    Message::parse(value.to_string().into()).unwrap()
}

fn question(id: u64, method: &str, params: &Value) -> Question {
    let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    Question::of(&message(&request)).unwrap()
}

fn name() -> Question {
    question(5, "elicitation/create", &json!({ "message": "Name?" }))
}

fn done() -> Message {
    message(&json!({ "jsonrpc": "2.0", "id": 1, "result": {} }))
}

fn held(questions: impl IntoIterator<Item = Question>) -> Dialogue {
    let gathering = questions
        .into_iter()
        .fold(Dialogue::Working, |dialogue, question| dialogue.asked(question).0);
    let (held, requests) = gathering.due();
    assert!(requests.is_some());
    held
}

fn parsed(texts: &[Vec<u8>]) -> Vec<Value> {
    texts.iter().map(|text| serde_json::from_slice(text).unwrap()).collect()
}

#[test]
fn a_call_without_questions_is_delivered() {
    let (over, finished) = Dialogue::Working.finished(&done());
    assert!(matches!((over, finished), (Dialogue::Over, Finished::Deliver)));
}

#[test]
fn questions_of_a_moment_are_one_round() {
    let (gathering, first) = Dialogue::Working.asked(name());
    let (gathering, second) = gathering.asked(question(6, "roots/list", &json!({})));
    assert_eq!((first, second), (Then::Gather, Then::Nothing));
    assert_eq!(gathering.needs().collect::<Vec<_>>(), [Need::Form, Need::Roots]);
    let (_, requests) = gathering.due();
    let requests: Value = serde_json::from_str(&requests.unwrap()).unwrap();
    let expected = json!({
        "r1": { "method": "elicitation/create", "params": { "message": "Name?" } },
        "r2": { "method": "roots/list" },
    });
    assert_eq!(requests, expected);
}

#[test]
fn answers_go_to_the_server_under_its_own_ids() {
    let held = held([name(), question(6, "roots/list", &json!({}))]);
    let answers = br#"{"r2":{"roots":[]},"r1":{"action":"accept","content":{"n":1.0}},"x":7}"#;
    let (next, resumed) = held.resumed(Some(answers));
    let resumed = resumed.unwrap();
    assert!(matches!(next, Dialogue::Working) && !resumed.asks_again);
    let texts: Vec<&str> =
        resumed.answers.iter().map(|text| std::str::from_utf8(text).unwrap()).collect();
    let expected = [
        r#"{"jsonrpc":"2.0","id":5,"result":{"action":"accept","content":{"n":1.0}}}"#,
        r#"{"jsonrpc":"2.0","id":6,"result":{"roots":[]}}"#,
    ];
    assert_eq!(texts, expected);
}

#[test]
fn what_is_not_answered_is_asked_again() {
    let (next, resumed) =
        held([name(), question(6, "roots/list", &json!({}))]).resumed(Some(br#"{"r1":{}}"#));
    let resumed = resumed.unwrap();
    assert_eq!((resumed.answers.len(), resumed.asks_again), (1, true));
    let (_, requests) = next.due();
    assert_eq!(requests.unwrap(), r#"{"r1":{"method":"roots/list"}}"#);
}

#[test]
fn malformed_answers_change_nothing() {
    for responses in
        [&b"7"[..], b"[]", br#"{"r1":7}"#, br#"{"r1":null}"#, br#"{"r1":{},"r\u0031":{}}"#]
    {
        let (next, refused) = held([name()]).resumed(Some(responses));
        assert_eq!(refused.unwrap_err(), InvalidAnswers::Malformed);
        let (_, resumed) = next.resumed(Some(br#"{"r1":{"action":"decline"}}"#));
        assert_eq!(resumed.unwrap().answers.len(), 1);
    }
}

#[test]
fn only_a_held_call_takes_answers() {
    for dialogue in [Dialogue::Working, Dialogue::Gathering(vec![name()]), Dialogue::Over] {
        let (_, refused) = dialogue.resumed(Some(b"{}"));
        assert_eq!(refused.unwrap_err(), InvalidAnswers::NotHeld);
    }
}

#[test]
fn an_outcome_waits_for_the_client() {
    let (held, finished) = held([name()]).finished(&done());
    assert!(matches!(finished, Finished::Kept));
    let (over, resumed) = held.resumed(Some(br#"{"r1":{"action":"accept"}}"#));
    let resumed = resumed.unwrap();
    assert!(matches!(over, Dialogue::Over) && resumed.answers.is_empty());
    assert!(resumed.outcome.is_some());
}

#[test]
fn a_withdrawn_question_is_neither_answered_nor_asked_again() {
    let (working, resumed) = held([name()]).withdrawn(b"5").resumed(Some(br#"{"r1":{}}"#));
    assert!(matches!(working, Dialogue::Working) && resumed.unwrap().answers.is_empty());
    let (gathering, _) = Dialogue::Working.asked(name());
    assert!(matches!(gathering.withdrawn(b"5"), Dialogue::Working));
}

#[test]
fn a_question_in_between_is_the_next_round() {
    let (still_held, then) = held([name()]).asked(question(9, "roots/list", &json!({})));
    assert_eq!(then, Then::Nothing);
    let (next, resumed) = still_held.resumed(Some(br#"{"r1":{}}"#));
    assert!(resumed.unwrap().asks_again);
    assert_eq!(next.needs().collect::<Vec<_>>(), [Need::Roots]);
}

#[test]
fn a_call_that_is_given_up_declines_everything() {
    let sampling = question(7, "sampling/createMessage", &json!({}));
    let (over, answers, works) = held([name(), sampling]).abandoned();
    assert!(works);
    let answers = parsed(&answers);
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 5, "result": { "action": "cancel" } }));
    assert_eq!(answers[1]["error"]["code"], -32603);
    let (_, nothing, works) = over.abandoned();
    assert!(nothing.is_empty() && !works);
    let (kept, _) = held([name()]).finished(&done());
    let (_, nothing, works) = kept.abandoned();
    assert!(nothing.is_empty() && !works, "the server waits no longer");
}

#[test]
fn questions_lose_what_only_the_older_era_has() {
    let asked = json!({
        "mode": "url", "url": "https://a", "elicitationId": "x", "message": "Go", "task": {},
        "_meta": { "progressToken": 1 },
    });
    let question = question(1, "elicitation/create", &asked);
    assert_eq!(question.need, Need::Url);
    let request: Value = serde_json::from_str(&question.request).unwrap();
    assert_eq!(request["params"], json!({ "mode": "url", "url": "https://a", "message": "Go" }));
}

#[test]
fn a_client_is_asked_only_what_it_declares() {
    for (need, capabilities, met) in [
        (Need::Form, "{}", false),
        (Need::Form, r#"{"elicitation":{}}"#, true),
        (Need::Form, r#"{"elicitation":{"form":{}}}"#, true),
        (Need::Form, r#"{"elicitation":{"url":{}}}"#, false),
        (Need::Url, r#"{"elicitation":{}}"#, false),
        (Need::Url, r#"{"elicitation":{"form":{},"url":{}}}"#, true),
        (Need::Sampling, r#"{"sampling":{}}"#, true),
        (Need::SamplingWithTools, r#"{"sampling":{}}"#, false),
        (Need::SamplingWithTools, r#"{"sampling":{"tools":{}}}"#, true),
        (Need::Roots, r#"{"elicitation":{}}"#, false),
        (Need::Roots, r#"{"roots":{"listChanged":true}}"#, true),
    ] {
        assert_eq!(need.is_met_by(capabilities), met, "{need:?} {capabilities}");
        assert!(need.is_met_by(need.capabilities()));
    }
}

#[test]
fn what_is_no_question_is_none() {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {} });
    assert!(Question::of(&message(&request)).is_none());
}
