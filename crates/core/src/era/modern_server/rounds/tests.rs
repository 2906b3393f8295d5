use super::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","requestState":"forged"}}"#;
const READ: &str = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"x:a"}}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const NAME: &str = r#"{"method":"elicitation/create","params":{"mode":"form","message":"Name?","requestedSchema":{}}}"#;
const ROOTS: &str = r#"{"method":"roots/list"}"#;

fn message(text: &str) -> Message {
    Message::parse(text.to_owned().into()).unwrap()
}

fn call_with(capabilities: &str, request: &str) -> Call {
    let initialize = message(&format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"capabilities":{capabilities}}}}}"#
    ));
    let envelope = Envelope::of_client(&initialize, Envelope::of_proxy("7"));
    Call::new(message(request), Arc::new(envelope), true)
}

fn call(request: &str) -> Call {
    call_with(r#"{"elicitation":{},"roots":{},"sampling":{}}"#, request)
}

fn result(result: &str) -> Message {
    message(&format!(r#"{{"jsonrpc":"2.0","id":41,"result":{result}}}"#))
}

fn input_required(requests: &str, state: &str) -> Message {
    result(&format!(r#"{{"resultType":"input_required","inputRequests":{requests}{state}}}"#))
}

/// Ids from 901.
fn step(call: Call, response: &Message) -> Step {
    call.answered(response, (901..).into_iter_next())
}

trait IntoNext {
    fn into_iter_next(self) -> impl FnMut() -> u64;
}

impl IntoNext for std::ops::RangeFrom<u64> {
    fn into_iter_next(mut self) -> impl FnMut() -> u64 {
        move || self.next().unwrap_or_default()
    }
}

fn asked(call: Call, response: &Message) -> (Box<Round>, Vec<Message>) {
    match step(call, response) {
        Step::Ask(round, questions) => (round, questions),
        other => panic!("a round, not {other:?}"),
    }
}

fn failure(step: Step) -> String {
    match step {
        Step::Fail(failure) => told(failure),
        other => panic!("a failure, not {other:?}"),
    }
}

fn told(failure: Failure) -> String {
    match failure.outcome() {
        Ok(result) => result,
        Err(error) => String::from_utf8(error.response(b"1").to_vec()).unwrap(),
    }
}

fn answer(round: Box<Round>, id: u64, rest: &str) -> Progress {
    round.answer(id, &message(&format!(r#"{{"jsonrpc":"2.0","id":{id},{rest}}}"#)))
}

fn again(progress: Progress) -> Box<Call> {
    match progress {
        Progress::Again(call) => call,
        other => panic!("another round, not {other:?}"),
    }
}

fn open(progress: Progress) -> Box<Round> {
    match progress {
        Progress::Open(round) => round,
        other => panic!("an open round, not {other:?}"),
    }
}

#[test]
fn a_complete_answer_ends_the_call() {
    let complete = result(r#"{"content":[],"resultType":"complete"}"#);
    assert!(matches!(step(call(CALL), &complete), Step::Complete(_)));
    assert!(call(CALL).answers().is_empty());
    let request = call(CALL);
    assert!(!request.request().bytes().windows(6).any(|text| text == b"forged"));
    assert_eq!(request.tool(), Some(&b"\"t\""[..]));
}

#[test]
fn every_question_is_asked_and_every_answer_goes_back_under_its_key() {
    let requests = format!(r#"{{"user_name":{NAME},"r\"s":{ROOTS}}}"#);
    let (round, questions) =
        asked(call(CALL), &input_required(&requests, r#","requestState":"b\u0036\/4""#));
    let sent: Vec<_> = questions.iter().map(Message::bytes).collect();
    assert_eq!(
        sent,
        [
            r#"{"jsonrpc":"2.0","id":901,"method":"elicitation/create","params":{"mode":"form","message":"Name?","requestedSchema":{}}}"#,
            r#"{"jsonrpc":"2.0","id":902,"method":"roots/list","params":{}}"#,
        ]
    );
    let round = open(answer(round, 902, r#""result":{"roots":[1.0],"_meta":{"a":1}}"#));
    assert_eq!(round.open(), [901]);
    let call = again(answer(round, 901, r#""result":{"action":"decline"}"#));
    assert_eq!(
        call.answers(),
        r#""inputResponses":{"user_name":{"action":"decline"},"r\"s":{"roots":[1.0]}},"requestState":"b\u0036\/4","#
    );
    let done = result(r#"{"content":[],"resultType":"complete"}"#);
    assert!(matches!(step(*call, &done), Step::Complete(_)));
}

#[test]
fn answers_and_state_are_those_of_one_round() {
    let (round, _) =
        asked(call(CALL), &input_required(&format!(r#"{{"a":{NAME}}}"#), r#","requestState":1"#));
    let call = again(answer(round, 901, r#""result":{"action":"cancel"}"#));
    let (round, questions) = asked(*call, &input_required(&format!(r#"{{"b":{ROOTS}}}"#), ""));
    assert_eq!(questions.len(), 1);
    let call = again(answer(round, 901, r#""result":{"roots":[]}"#));
    assert_eq!(call.answers(), r#""inputResponses":{"b":{"roots":[]}},"#);
}

#[test]
fn without_a_question_the_call_is_made_again_with_its_state() {
    for requests in ["", r#""inputRequests":{},"#] {
        let shed =
            result(&format!(r#"{{"resultType":"input_required",{requests}"requestState":"s"}}"#));
        let Step::Again(call, _) = step(call(CALL), &shed) else { panic!("{requests}") };
        assert_eq!(call.answers(), r#""requestState":"s","#);
    }
}

#[test]
fn progress_grows_over_all_rounds() {
    let progress = |value: &str| {
        message(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":1,"progress":{value}}}}}"#
        ))
    };
    let mut first = call(CALL);
    assert!(["0", "50", "25.5"].iter().all(|value| first.advances(&progress(value))));
    let (round, _) = asked(first, &input_required(&format!(r#"{{"a":{ROOTS}}}"#), ""));
    let mut second = again(answer(round, 901, r#""result":{"roots":[]}"#));
    let told =
        ["0", "50", "50.5", "51", "5e1", "\"a\""].map(|value| second.advances(&progress(value)));
    assert_eq!(told, [false, false, true, true, false, true]);
}

#[test]
fn a_server_cannot_ask_for_ever() {
    let question = input_required(&format!(r#"{{"a":{ROOTS}}}"#), "");
    let mut call = call(CALL);
    for _ in 0..MAX_ROUNDS {
        let (round, _) = asked(call, &question);
        call = *again(answer(round, 901, r#""result":{"roots":[]}"#));
    }
    let text = failure(step(call, &question));
    assert!(text.contains("more than 10 times") && text.ends_with(r#""isError":true}"#), "{text}");
}

#[test]
fn what_the_client_cannot_answer_is_not_asked() {
    let url = r#"{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"u"}}"#;
    let tools = r#"{"method":"sampling/createMessage","params":{"tools":[]}}"#;
    for (capabilities, question, need) in [
        ("{}", NAME, "elicitation"),
        (r#"{"elicitation":{}}"#, url, "elicitation.url"),
        (r#"{"elicitation":{"url":{}}}"#, NAME, "elicitation"),
        (r#"{"sampling":{}}"#, tools, "sampling.tools"),
        ("{}", r#"{"method":"sampling/createMessage"}"#, "sampling"),
        ("{}", ROOTS, "roots"),
    ] {
        let response = input_required(&format!(r#"{{"ok":{question}}}"#), "");
        let text = failure(step(call_with(capabilities, CALL), &response));
        assert!(text.contains(&format!("cannot give: {need}\"")), "{question}: {text}");
        assert!(text.contains("isError"), "a tool says so itself: {text}");
        let text = failure(step(call_with(capabilities, READ), &response));
        assert!(text.contains("-32603"), "{text}");
    }
    let mut unheard = call(CALL);
    unheard.askable = false;
    assert!(!unheard.metadata().contains("roots"));
    let response = input_required(&format!(r#"{{"ok":{ROOTS}}}"#), "");
    assert!(failure(step(unheard, &response)).contains("cannot give: roots"));
}

#[test]
fn a_url_question_gets_the_id_that_the_clients_era_wants() {
    let url = r#"{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"u"}}"#;
    let response = input_required(&format!(r#"{{"k":{url}}}"#), "");
    let (_, questions) = asked(call_with(r#"{"elicitation":{"url":{}}}"#, CALL), &response);
    let sent = serde_json::from_slice::<serde_json::Value>(questions[0].bytes()).unwrap();
    let id = sent["params"]["elicitationId"].as_str().unwrap();
    assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    assert_eq!(sent["params"]["mode"], "url");
}

#[test]
fn nonsense_of_the_server_is_its_own_failure() {
    for (request, response) in [
        (LIST, input_required(&format!(r#"{{"a":{ROOTS}}}"#), "")),
        (CALL, result(r#"{"resultType":"input_required"}"#)),
        (CALL, result(r#"{"resultType":"input_required","inputRequests":{}}"#)),
        (CALL, result(r#"{"resultType":"task","taskId":"t"}"#)),
        (READ, result(r#"{"resultType":7}"#)),
    ] {
        let text = failure(step(call(request), &response));
        assert!(text.contains("-32603"), "{text}");
    }
    for question in
        ["7", "{}", r#"{"method":"tools/call"}"#, r#"{"method":"\u0072oots/list","params":{}}"#]
    {
        let response = input_required(&format!(r#"{{"a":{question}}}"#), "");
        match step(call(CALL), &response) {
            Step::Ask(_, questions) => assert_eq!(questions[0].method(), "roots/list"),
            other => assert!(failure(other).contains("isError"), "{question}"),
        }
    }
    let twice = r#"{"method":"sampling/createMessage","params":{"_meta":{},"_meta":{"a":1}}}"#;
    let response = input_required(&format!(r#"{{"a":{twice}}}"#), "");
    let text = failure(step(call(CALL), &response));
    assert!(text.contains("sampling/createMessage, but not as a request: "), "{text}");
    let many: Vec<String> = (0..=MAX_QUESTIONS).map(|n| format!(r#""{n}":{ROOTS}"#)).collect();
    let response = input_required(&format!("{{{}}}", many.join(",")), "");
    assert!(failure(step(call(CALL), &response)).contains("more than 64 questions"));
}

#[test]
fn one_answer_that_is_none_ends_the_call_and_withdraws_the_others() {
    let requests = format!(r#"{{"a":{NAME},"b":{ROOTS},"c":{ROOTS}}}"#);
    for rest in [r#""error":{"code":-1,"message":"User \"rejected\""}"#, r#""result":[]"#] {
        let (round, _) = asked(call(CALL), &input_required(&requests, ""));
        let round = open(answer(round, 903, r#""result":{"roots":[]}"#));
        let Progress::Fail(failure, withdrawn, _) = answer(round, 901, rest) else {
            panic!("{rest}")
        };
        assert_eq!(withdrawn, [902]);
        assert!(told(failure).contains("isError"));
    }
    let (round, _) = asked(call(READ), &input_required(&requests, ""));
    let Progress::Fail(failure, withdrawn, _) = round.expire() else { panic!("it is over") };
    assert_eq!(withdrawn, [901, 902, 903]);
    assert!(told(failure).contains("-32603"));
}

fn task(rest: &str) -> Message {
    result(&format!(r#"{{"resultType":"task","taskId":"a\"b",{rest}}}"#))
}

/// The call of a tool whose task is as this says.
fn running(rest: &str) -> Step {
    let mut call = call(CALL).offering_task();
    call.sent_as(41);
    step(call, &task(rest))
}

fn paused(step: Step) -> (Box<Call>, u128) {
    match step {
        Step::Again(call, pause) => (call, pause.as_millis()),
        other => panic!("a pause, not {other:?}"),
    }
}

#[test]
fn a_task_is_offered_where_a_call_was_refused_without_it() {
    let refusal = |code: i32, needs: &str| {
        message(&format!(
            r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"m","data":{{"requiredCapabilities":{needs}}}}}}}"#
        ))
    };
    let tasks = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
    assert!(call(CALL).needs_task(&refusal(-32021, tasks)));
    for (request, code, needs) in [
        (CALL, -32603, tasks),
        (CALL, -32021, r#"{"sampling":{}}"#),
        (CALL, -32021, r#"{"extensions":{"a/b":{}}}"#),
        (CALL, -32021, "7"),
        (READ, -32021, tasks),
    ] {
        assert!(!call(request).needs_task(&refusal(code, needs)), "{code} {needs}");
    }
    let offering = call(CALL).offering_task();
    assert!(!offering.needs_task(&refusal(-32021, tasks)), "it is offered once");
    assert!(offering.metadata().contains("io.modelcontextprotocol/tasks"));
    assert!(!call(READ).offering_task().metadata().contains("tasks"));
}

#[test]
fn a_task_is_looked_at_when_the_server_wishes() {
    for (rest, pause) in [
        (r#""status":"working""#, 1000),
        (r#""status":"working","pollIntervalMs":200"#, 200),
        (r#""status":"working","pollIntervalMs":2e2"#, 200),
        (r#""status":"working","pollIntervalMs":0"#, 50),
        (r#""status":"working","pollIntervalMs":-5"#, 1000),
        (r#""status":"working","pollIntervalMs":"often""#, 1000),
        (r#""status":"working","pollIntervalMs":null"#, 1000),
        (r#""status":"working","pollIntervalMs":1e99"#, 30_000),
        (r#""status":"\u0077orking","pollIntervalMs":100"#, 100),
    ] {
        let (call, waits) = paused(running(rest));
        assert_eq!(waits, pause, "{rest}");
        assert_eq!(call.task(), Some("a\"b"));
        assert!(call.began_as(41) && !call.began_as(42));
        let request = call.request();
        assert_eq!(request.method(), "tasks/get");
        assert!(request.bytes().ends_with(br#""params":{"taskId":"a\"b"}}"#), "{request:?}");
    }
    for rest in [r#""status":"cancelled""#, r#""status":"lost""#, r#""x":1"#, r#""status":7"#] {
        failure(running(rest));
    }
    let nameless = result(r#"{"resultType":"task","status":"working"}"#);
    assert!(failure(step(call(CALL), &nameless)).contains("taskId"));
}

#[test]
fn a_task_is_not_waited_for_without_an_end() {
    let working = result(r#"{"status":"working","pollIntervalMs":30000}"#);
    let (mut call, _) = paused(running(r#""status":"working","pollIntervalMs":30000"#));
    for _ in 1..20 {
        (call, _) = paused(step(*call, &working));
    }
    assert!(failure(step(*call, &working)).contains("within ten minutes"));
}

#[test]
fn a_task_ends_with_the_answer_to_its_call() {
    for (rest, answer) in [
        (
            r#""status":"completed","result":{"content":[1.0]}"#,
            r#"{"jsonrpc":"2.0","id":0,"result":{"content":[1.0]}}"#,
        ),
        (
            r#""status":"failed","error":{"code":7,"message":"m"}"#,
            r#"{"jsonrpc":"2.0","id":0,"error":{"code":7,"message":"m"}}"#,
        ),
    ] {
        let (call, _) = paused(running(r#""status":"working""#));
        let Step::Ended(call, ended) = step(*call, &result(&format!("{{{rest}}}"))) else {
            panic!("{rest}")
        };
        assert_eq!(ended.bytes(), answer.as_bytes());
        assert_eq!((call.task(), &*call.request().method()), (None, "tools/call"));
    }
    for rest in [r#""status":"completed""#, r#""status":"failed","result":{}"#] {
        assert!(failure(running(rest)).contains("without its result"), "{rest}");
    }
}

#[test]
fn a_task_asks_each_question_once() {
    let asks = format!(r#"{{"status":"input_required","inputRequests":{{"a":{ROOTS}}}}}"#);
    let (call, _) = paused(running(r#""status":"working""#));
    let (round, _) = asked(*call, &result(&asks));
    assert_eq!(round.task(), Some("a\"b"));
    let call = again(answer(round, 901, r#""result":{"roots":[]}"#));
    assert_eq!(call.request().method(), "tasks/update");
    assert_eq!(call.answers(), r#""inputResponses":{"a":{"roots":[]}},"#);
    let (call, _) = paused(step(*call, &result(r#"{"resultType":"complete"}"#)));
    assert_eq!((&*call.request().method(), call.answers()), ("tasks/get", ""));
    // The server has not seen the answer yet.
    let (call, _) = paused(step(*call, &result(&asks)));
    let more = asks.replace("{\"a\"", &format!("{{\"b\":{NAME},\"a\""));
    let (round, questions) = asked(*call, &result(&more));
    assert_eq!(questions.len(), 1);
    let Progress::Fail(_, _, task) = round.expire() else { panic!("it is over") };
    assert_eq!(task.as_deref(), Some("a\"b"));
}
