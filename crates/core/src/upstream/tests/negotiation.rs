#![cfg(unix)]

use std::{path::Path, sync::Arc, time::Duration};

use super::super::{child::Child, negotiation::Negotiation};
use crate::{
    config::{CommandConfig, UpstreamConfig, UpstreamProtocol},
    era::Era,
    error::Error,
};

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}"#;
const DISCOVERED: &str = r#"{"jsonrpc":"2.0","id":"server-discover","result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}"#;
const UNKNOWN: &str =
    r#"{"jsonrpc":"2.0","id":"server-discover","error":{"code":-32601,"message":"no"}}"#;

/// A server that does one of two things with its first line, depending on whether that is
/// `initialize`, and writes each line that it reads to a file.
fn server(seen: &Path, initialize: &str, other: &str) -> UpstreamConfig {
    let note = format!("echo \"$line\" >> {}", seen.display());
    let script = format!(
        "read -r line; {note}; \
         case $line in *'\"initialize\"'*) {initialize};; *) {other};; esac; \
         while read -r line; do {note}; case $line in *'\"initialize\"'*) {initialize};; esac; done"
    );
    let mut command = CommandConfig::new("sh");
    command.args = vec!["-c".into(), script.into()];
    UpstreamConfig { protocol: UpstreamProtocol::Auto, ..UpstreamConfig::new(command) }
}

fn echo(line: &str) -> String {
    format!("echo '{line}'")
}

/// The methods of the requests that the servers have received.
fn requests(seen: &Path) -> Vec<&'static str> {
    let text = std::fs::read_to_string(seen).unwrap_or_default();
    let name = |line: &str| {
        let known = ["server/discover", "notifications/initialized", "initialize"];
        known.into_iter().find(|method| line.contains(&format!("\"{method}\""))).unwrap()
    };
    text.lines().map(name).filter(|method| !method.starts_with("notifications")).collect()
}

fn hasty() -> Negotiation {
    Negotiation::with_patience(Duration::from_millis(50))
}

async fn agreed(negotiation: &mut Negotiation, config: &UpstreamConfig) -> Result<Era, Error> {
    let (child, server) = negotiation
        .connect(config, || Child::spawn(&config.command, None, &Arc::default()))
        .await?;
    child.stop(Duration::from_secs(5)).await;
    Ok(server.era())
}

#[tokio::test]
async fn whatever_the_question_does_to_an_older_server_it_serves() {
    for (misdeed, expected) in [
        (echo(UNKNOWN), &["server/discover", "initialize"][..]),
        ("exit 1".to_owned(), &["server/discover", "initialize"][..]),
        (format!("{}; exit 0", echo(UNKNOWN)), &["server/discover", "initialize"][..]),
        ("kill -9 $$".to_owned(), &["server/discover", "initialize"][..]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let config = server(&seen, &echo(INITIALIZED), &misdeed);
        let mut negotiation = Negotiation::default();
        assert_eq!(agreed(&mut negotiation, &config).await.unwrap(), Era::Legacy, "{misdeed}");
        assert_eq!(requests(&seen), expected, "{misdeed}");
        assert_eq!(agreed(&mut negotiation, &config).await.unwrap(), Era::Legacy);
        assert_eq!(requests(&seen)[2..], ["initialize"], "it is not asked again: {misdeed}");
    }
}

#[tokio::test]
async fn a_server_that_is_mute_after_the_question_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let config = server(&seen, &echo(INITIALIZED), "while read -r line; do :; done");
    let config = UpstreamConfig { connection_timeout: Duration::from_secs(3), ..config };
    assert_eq!(agreed(&mut hasty(), &config).await.unwrap(), Era::Legacy);
    assert_eq!(requests(&seen), ["server/discover", "initialize"]);
}

#[tokio::test]
async fn a_server_that_ignores_the_question_is_not_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let config = server(&seen, &echo(INITIALIZED), ":");
    assert_eq!(agreed(&mut hasty(), &config).await.unwrap(), Era::Legacy);
    assert_eq!(requests(&seen), ["server/discover", "initialize"]);
}

#[tokio::test]
async fn a_newer_server_is_recognised_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let mut config = server(&seen, "exit 1", &echo(DISCOVERED));
    let mut negotiation = Negotiation::default();
    for _ in 0..2 {
        assert_eq!(agreed(&mut negotiation, &config).await.unwrap(), Era::Modern);
    }
    assert_eq!(requests(&seen), ["server/discover", "server/discover"]);
    config.protocol = UpstreamProtocol::Legacy;
    assert!(matches!(
        agreed(&mut Negotiation::default(), &config).await,
        Err(Error::EndedEarly { request: "initialize", .. })
    ));
}

#[tokio::test]
async fn what_was_remembered_is_forgotten_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let newer = server(&seen, "exit 1", &echo(DISCOVERED));
    let older = server(&seen, &echo(INITIALIZED), "exit 1");
    let mut negotiation = Negotiation::default();
    assert_eq!(agreed(&mut negotiation, &newer).await.unwrap(), Era::Modern);
    assert!(agreed(&mut negotiation, &older).await.is_err());
    assert_eq!(agreed(&mut negotiation, &older).await.unwrap(), Era::Legacy);
}

#[tokio::test]
async fn a_server_of_another_revision_of_the_era_is_not_asked_to_initialize() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let answer = r#"{"jsonrpc":"2.0","id":"server-discover","error":{"code":-32022,"message":"no","data":{"supported":["2027-01-01"]}}}"#;
    let config = server(&seen, &echo(INITIALIZED), &echo(answer));
    let error = agreed(&mut Negotiation::default(), &config).await.unwrap_err();
    assert!(error.to_string().contains("2027-01-01"), "{error}");
    assert_eq!(requests(&seen), ["server/discover"]);
}
