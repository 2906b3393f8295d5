#![cfg(unix)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::super::child::{Child, Opening};
use crate::{config::CommandConfig, era::Era, error::Error};

const MINUTE: Duration = Duration::from_mins(1);

fn child(script: &str) -> Child {
    let mut config = CommandConfig::new("sh");
    config.args = vec!["-c".into(), script.into()];
    Child::spawn(&config, None, &Arc::default()).unwrap()
}

/// Why the handshake with this server failed.
async fn refusal(script: &str, opening: Opening, limit: Duration) -> Error {
    child(script).greet(opening, limit).await.unwrap_err().error
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_after_its_time() {
    const LIMIT: Duration = Duration::from_hours(1);
    let (started, clock) = (Instant::now(), tokio::time::Instant::now());
    let error = refusal("cat > /dev/null", Opening::Initialize, LIMIT).await;
    assert!(matches!(&error, Error::HandshakeTimeout { limit, .. } if *limit == LIMIT), "{error}");
    assert!(clock.elapsed() >= LIMIT);
    assert!(started.elapsed() < LIMIT / 60, "the clock was the paused one");
}

#[tokio::test]
async fn an_answer_that_is_none_is_refused_and_says_why() {
    for (answer, reason) in [
        (r#""result":1"#, "no result object"),
        (r#""result":{}"#, "no protocolVersion"),
        (r#""result":{"protocolVersion":"2026-07-28"}"#, "2026-07-28"),
        (r#""error":{"code":1,"message":"busy"}"#, "busy"),
    ] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":0,{answer}}}"#);
        let script = format!("read line; echo '{line}'; cat > /dev/null");
        let error = refusal(&script, Opening::Initialize, MINUTE).await;
        let Error::HandshakeRefused { reason: given, .. } = &error else { panic!("{error}") };
        assert!(given.contains(reason), "{given}");
    }
}

#[tokio::test]
async fn a_server_that_ends_first_leaves_its_last_words() {
    let script = "echo 'no licence' >&2; exit 3";
    let error = refusal(script, Opening::Initialize, MINUTE).await;
    assert!(matches!(error, Error::EndedEarly { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("no licence"), "{error:?}");
}

const DISCOVERED: &str = r#"{"jsonrpc":"2.0","id":"server-discover","result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}"#;

#[tokio::test]
async fn a_server_that_is_not_of_the_newer_era_cannot_be_pinned_to_it() {
    for (answer, reason) in [
        (r#""error":{"code":-32601,"message":"what?"}"#, "what?"),
        (r#""result":{"supportedVersions":["2025-11-25"],"capabilities":{}}"#, "2025-11-25"),
        (
            r#""error":{"code":-32022,"message":"no","data":{"supported":["2027-01-01"]}}"#,
            "2027-01-01 only",
        ),
    ] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":"server-discover",{answer}}}"#);
        let script = format!("read line; echo '{line}'; cat > /dev/null");
        let error = refusal(&script, Opening::Discover, MINUTE).await;
        let Error::HandshakeRefused { request, reason: given, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*request, "server/discover");
        assert!(given.contains(reason), "{given}");
    }
}

/// The era of a server that answers the first request only after its time limit, and then the
/// second one with this.
async fn era_of_slow_server(initialized: &str) -> Era {
    let script = format!(
        "read one; read two; echo '{DISCOVERED}'; \
         echo '{{\"jsonrpc\":\"2.0\",\"id\":0,{initialized}}}'; cat > /dev/null"
    );
    let opening = Opening::Probe(Duration::from_millis(50));
    let (_child, server) = child(&script).greet(opening, MINUTE).await.unwrap();
    server.era()
}

#[tokio::test]
async fn a_slow_server_that_answers_both_questions_is_bound_by_the_handshake() {
    let initialized = r#""result":{"protocolVersion":"2025-11-25"}"#;
    assert_eq!(era_of_slow_server(initialized).await, Era::Legacy);
}

#[tokio::test]
async fn a_slow_server_that_knows_only_the_newer_question_is_of_that_era() {
    let initialized = r#""error":{"code":-32601,"message":"no"}"#;
    assert_eq!(era_of_slow_server(initialized).await, Era::Modern);
}
