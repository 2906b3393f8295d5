//! Finds out whether a remote server speaks 2026-07-28.
//!
//! It is asked, as the specification requires. An answer that names revisions decides it, and so
//! does a refusal that no server of that era would send. Answers that say nothing about the server,
//! such as a gateway's 502, decide nothing.

use tokio::time::{Instant, sleep, timeout};

use crate::{
    era::modern_server::{DISCOVER, Discovery},
    jsonrpc::Message,
    protocol::MODERN,
    relay::InitializeResult,
    telemetry::traffic,
    upstream::{
        handshake::discover_request,
        http::{
            attempts::{Attempts, Verdict},
            auth::Occasion,
            endpoint::Answer,
            exchange::{answers, chance},
            fault::{Fault, Kind},
            session::Session,
            site::Site,
        },
    },
};

/// The result for a server.
#[derive(Debug)]
pub(in crate::upstream::http) enum Found {
    Modern(InitializeResult),
    /// It does not speak that revision; its answer.
    Legacy(Fault),
}

/// Asks the server, with retries while they are useful.
pub(in crate::upstream::http) async fn discover(remote: &Site) -> Result<Found, Fault> {
    let failed = |text: String| Fault::new(Kind::Final, text);
    let request = Message::parse(discover_request())
        .map_err(|invalid| failed(format!("cannot make the request: {invalid}")))?;
    let mut attempts = Attempts::at(&request, remote.wait);
    let (began, mut agreed) = (Instant::now(), false);
    loop {
        let asked = timeout(remote.patience, ask(remote, &request)).await.unwrap_or_else(|_| {
            let (place, limit) = (remote.endpoint.place(), remote.patience.as_millis());
            let text = format!("{place} did not answer {DISCOVER} within {limit} ms");
            Err(failed(text).after_sending())
        });
        let fault = match asked {
            Ok(response) => match Discovery::of(&response) {
                Discovery::Other(revisions) if revisions.contains(MODERN) && !agreed => {
                    // It refuses the revision that it names: the next attempt may succeed.
                    agreed = true;
                    continue;
                }
                Discovery::Other(revisions) => {
                    let place = remote.endpoint.place();
                    let text = format!("{place} speaks protocol revisions {revisions} only");
                    return Err(failed(text));
                }
                discovery => {
                    let place = remote.endpoint.place();
                    let refused = Fault::refused(format!("{place} refused {DISCOVER}"), response);
                    let introduction = InitializeResult::of_discovery(discovery);
                    return Ok(introduction.map_or(Found::Legacy(refused), Found::Modern));
                }
            },
            Err(fault) => fault,
        };
        match attempts.judge(&fault, began.elapsed(), chance()) {
            Verdict::Again(pause) => sleep(pause).await,
            Verdict::Authorize => remote.endpoint.authorize(fault, Occasion::Call).await?,
            Verdict::Renew | Verdict::Fail if fault.is_of_another_protocol() => {
                return Ok(Found::Legacy(fault));
            }
            Verdict::Renew | Verdict::Fail => return Err(fault),
        }
    }
}

/// Asks it once.
async fn ask(remote: &Site, request: &Message) -> Result<Message, Fault> {
    traffic!("->", request.bytes());
    let headers = super::headers::standard(request);
    let text = request.bytes().clone();
    let place = remote.endpoint.place();
    let mut messages = match remote.endpoint.post_with(&Session::modern(), text, headers).await {
        Ok(Answer::Messages(messages, _)) => *messages,
        Ok(Answer::Accepted) => {
            let text = format!("{place} accepted {DISCOVER} and sent no answer");
            return Err(Fault::new(Kind::NoEndpoint, text));
        }
        Err(Fault { kind: Kind::NoEndpoint | Kind::Final, error: Some(error), .. }) => {
            return Ok(*error);
        }
        Err(fault) => return Err(fault),
    };
    while let Some(message) = messages.next().await? {
        if answers(&message, request) {
            traffic!("<-", message.bytes());
            return Ok(message);
        }
    }
    Err(messages.ended_early())
}
