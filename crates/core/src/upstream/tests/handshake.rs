#![cfg(unix)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::super::child::Child;
use crate::{config::CommandConfig, error::Error};

fn child(script: &str) -> Child {
    let mut config = CommandConfig::new("sh");
    config.args = vec!["-c".into(), script.into()];
    Child::spawn(&config, None, &Arc::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_after_its_time() {
    const LIMIT: Duration = Duration::from_hours(1);
    let (started, clock) = (Instant::now(), tokio::time::Instant::now());
    let error = child("cat > /dev/null").initialize(LIMIT).await.unwrap_err();
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
        let error = child(&script).initialize(Duration::from_mins(1)).await.unwrap_err();
        let Error::HandshakeRefused { reason: given, .. } = &error else { panic!("{error}") };
        assert!(given.contains(reason), "{given}");
    }
}

#[tokio::test]
async fn a_server_that_ends_first_leaves_its_last_words() {
    let script = "echo 'no licence' >&2; exit 3";
    let error = child(script).initialize(Duration::from_mins(1)).await.unwrap_err();
    assert!(matches!(error, Error::EndedEarly { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("no licence"), "{error:?}");
}
