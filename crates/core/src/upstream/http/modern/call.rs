//! One request to a 2026-07-28 server and its answer.

use tokio::time::{Instant, sleep, timeout};

use super::{Carrier, tools::LIST};
use crate::{
    era::modern_server::Envelope,
    jsonrpc::{self, Code, Edit, Message, decode_string, escape, find_member, own_number},
    relay::{LISTEN, Listener as _},
    telemetry::traffic,
    upstream::http::{
        attempts::{Attempts, Verdict},
        auth::Occasion,
        channel::catch_up,
        endpoint::Answer,
        exchange::{REST, answers, chance},
        fault::{Fault, Kind},
        messages::Messages,
    },
};

/// Most pages of tools that are read for the headers of one call.
const MAX_PAGES: usize = 32;

/// The response to a request, and the rest of the stream on which it came.
struct Answered {
    response: Message,
    rest: Option<Messages>,
    /// Whether it is how a server of the older era refuses an unknown message.
    foreign: bool,
}

impl Carrier {
    /// Sends a request and passes on what comes back for it.
    pub(super) async fn call(&self, request: &Message) {
        let place = async {
            // A stream of changes is long-lived, so it must not take a call's place.
            if request.method() == LISTEN { None } else { self.wire.acquire().await.ok() }
        };
        let _place = place.await;
        let (response, rest, foreign) = match self.exchange(request).await {
            Ok(Answered { response, rest, foreign }) => (Some(response), rest, foreign),
            Err(fault) => {
                let foreign = fault.kind == Kind::NoEndpoint && fault.error.is_none();
                (fault.response(request.id().unwrap_or(b"null")), None, foreign)
            }
        };
        if let Some(response) = response.map(|response| with_id_of(response, request)) {
            if foreign {
                self.remote.doubt();
                self.clients.refused(&response);
            } else {
                self.clients.receive(&self.tools.read(response, request));
            }
        }
        let Some(mut rest) = rest else { return };
        // A connection that is read to its end can be reused.
        drop(timeout(REST, async { while let Ok(Some(_)) = rest.next().await {} }).await);
    }

    /// Sends a request, with retries while they are safe and useful.
    async fn exchange(&self, request: &Message) -> Result<Answered, Fault> {
        let mut attempts = Attempts::at(request, self.remote.wait);
        let (began, mut sent, mut refreshed) = (Instant::now(), request.clone(), false);
        for attempt in 1_u32.. {
            let fault = match self.ask(request, &sent).await {
                Ok(answered) if !refreshed && lacks_headers(&answered.response, request) => {
                    refreshed = true;
                    if !self.refresh_tools(request).await {
                        return Ok(answered);
                    }
                    sent = renamed(request, attempt);
                    continue;
                }
                Ok(answered) => return Ok(answered),
                Err(fault) => fault,
            };
            match attempts.judge(&fault, began.elapsed(), chance()) {
                Verdict::Authorize => {
                    let lasts = request.method() == LISTEN;
                    let occasion = if lasts { Occasion::Background } else { Occasion::Call };
                    self.remote.endpoint.authorize(fault, occasion).await?;
                }
                Verdict::Again(pause) => {
                    tracing::debug!("{}; again in {pause:?}", fault.sentence());
                    if fault.ran {
                        sent = renamed(request, attempt);
                    }
                    sleep(pause).await;
                }
                Verdict::Renew | Verdict::Fail => return Err(fault),
            }
        }
        Err(Fault::new(Kind::Final, "it was tried too often"))
    }

    /// Sends a request once, as `sent`, and passes on everything that comes before its response.
    async fn ask(&self, request: &Message, sent: &Message) -> Result<Answered, Fault> {
        traffic!("->", sent.bytes());
        let text = sent.bytes().clone();
        let answer = self.remote.endpoint.post_with(&self.session, text, self.headers(sent)).await;
        let mut messages = match answer {
            Ok(Answer::Messages(messages, _)) => *messages,
            Ok(Answer::Accepted) => {
                let place = self.remote.endpoint.place();
                let text = format!("{place} took the call and gave no answer");
                return Err(Fault::new(Kind::Final, text).after_sending());
            }
            // A protocol answer, whatever its status (MCP 2026-07-28, error codes).
            Err(Fault { kind, error: Some(error), .. })
                if matches!(kind, Kind::NoEndpoint | Kind::Final) =>
            {
                let foreign = kind == Kind::NoEndpoint && misses_session(&error);
                return Ok(Answered { response: *error, rest: None, foreign });
            }
            Err(fault) => return Err(fault),
        };
        loop {
            match messages.next().await {
                Ok(Some(message)) if answers(&message, sent) => {
                    let rest = Some(messages);
                    return Ok(Answered { response: message, rest, foreign: false });
                }
                Ok(Some(message)) => self.hand_on(request, &message).await,
                Ok(None) => return Err(messages.ended_early()),
                Err(fault) => return Err(fault.after_sending()),
            }
        }
    }

    /// Passes on what belongs to a request; waits while its client is behind with reading.
    async fn hand_on(&self, request: &Message, message: &Message) {
        if matches!(message.kind(), jsonrpc::Kind::Result | jsonrpc::Kind::Error) {
            return tracing::debug!("the server answered a request on the stream of another");
        }
        let id = request.id().and_then(own_number);
        let Some(id) = id else { return };
        let sink = self.clients.sink_of(id);
        self.clients.receive_about(id, message);
        catch_up(sink).await;
    }

    /// Reads the server's tools for the headers of this call; `false` if that did not help.
    async fn refresh_tools(&self, call: &Message) -> bool {
        let Some(tool) = super::headers::tool(call) else { return false };
        let (id, mut cursor) = (String::from_utf8_lossy(call.id().unwrap_or_default()), None);
        for page in 0..MAX_PAGES {
            let meta = Envelope::of_proxy(crate::VERSION);
            let from = cursor.map(|cursor: String| format!("\"cursor\":{},", escape(&cursor)));
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":"{id}.tools.{page}","method":"{LIST}","params":{{{}"_meta":{{{}}}}}}}"#,
                from.unwrap_or_default(),
                meta.members()
            );
            let Ok(request) = Message::parse(text.into()) else { return false };
            let Ok(Answered { response, .. }) = self.ask(&request, &request).await else {
                return false;
            };
            let response = self.tools.read(response, &request);
            if self.tools.of(&tool).is_some() {
                return true;
            }
            cursor = next_cursor(&response);
            if cursor.is_none() {
                return false;
            }
        }
        false
    }
}

/// Whether a server of the older era may mean with this that there was no handshake: these are the
/// codes of its SDKs, which have none for it.
fn misses_session(refusal: &Message) -> bool {
    let code = refusal.error_code();
    [Code::Transport, Code::InvalidRequest]
        .iter()
        .any(|known| code == Some(i64::from(known.number())))
}

/// Whether the server misses headers that a newer list of its tools would require.
fn lacks_headers(response: &Message, request: &Message) -> bool {
    response.error_code() == Some(i64::from(Code::HeaderMismatch.number()))
        && request.method() == "tools/call"
}

fn next_cursor(response: &Message) -> Option<String> {
    let span = find_member(response.bytes(), response.result()?, "nextCursor")?;
    decode_string(response.text(span))
}

/// The request under another id: what may have run is not repeated under the same.
fn renamed(request: &Message, attempt: u32) -> Message {
    let id = String::from_utf8_lossy(request.id().unwrap_or_default()).into_owned();
    with_id(request.clone(), format!("\"{id}.{attempt}\"").as_bytes())
}

/// The response under the request's id, whichever id it was sent with.
fn with_id_of(response: Message, request: &Message) -> Message {
    let own = request.id().unwrap_or(b"null");
    if response.id() == Some(own) {
        return response;
    }
    if response.id_span().is_some() {
        return with_id(response, own);
    }
    let error = response.error().map(|span| response.text(span)).unwrap_or_default();
    let text = [br#"{"jsonrpc":"2.0","id":"#, own, br#","error":"#, error, b"}"].concat();
    Message::parse(text.into()).unwrap_or(response)
}

fn with_id(message: Message, id: &[u8]) -> Message {
    let Some(span) = message.id_span() else { return message };
    message.rewritten(&[Edit { span, with: id }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).unwrap()
    }

    #[test]
    fn an_answer_comes_back_under_the_id_of_its_call() {
        let request = message(r#"{"jsonrpc":"2.0","id":7,"method":"m"}"#);
        assert_eq!(renamed(&request, 2).id(), Some(&b"\"7.2\""[..]));
        for (answer, restored) in [
            (
                r#"{"jsonrpc":"2.0","id":"7.2","result":{"n":1.0}}"#,
                r#"{"jsonrpc":"2.0","id":7,"result":{"n":1.0}}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","error":{"code":-32020,"message":"x"}}"#,
                r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32020,"message":"x"}}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#,
                r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}"#,
            ),
        ] {
            let whole = with_id_of(message(answer), &request);
            assert_eq!(whole.bytes(), restored.as_bytes());
        }
    }
}
