//! The answering half of one exchange.

use std::{fmt, sync::Arc};

use super::{Outgoing, Sink};
use crate::jsonrpc::{Code, Edit, ErrorBody, Message, Raw};

/// Where one request's answer goes. Consumed by the answer; dropped unanswered, it says so to the
/// client, so that no call hangs.
pub(crate) struct Reply {
    sink: Option<Arc<dyn Sink>>,
    id: Raw,
    token: Option<Raw>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Reply {
    /// The reply to this request.
    pub(crate) fn to(request: &Message, sink: Arc<dyn Sink>) -> Self {
        Self {
            sink: Some(sink),
            id: Raw::new(request.id().unwrap_or(b"null")),
            token: request.requested_token().map(|span| Raw::new(request.text(span))),
        }
    }

    /// The client's id, as written.
    pub(crate) fn id(&self) -> &[u8] {
        self.id.as_bytes()
    }

    /// Passes a progress notification on under the client's own token.
    pub(crate) fn progress(&self, notification: &Message) {
        let (Some(sink), Some(token), Some(span)) =
            (&self.sink, &self.token, notification.reported_token())
        else {
            return;
        };
        let edits = [Edit { span, with: token.as_bytes() }];
        let source = notification.bytes();
        sink.write(Outgoing { source, edits: &edits, response: false });
    }

    /// Passes the upstream's response on under the client's own id.
    pub(crate) fn response(mut self, response: &Message) {
        let (Some(sink), Some(span)) = (self.sink.take(), response.id_span()) else { return };
        let edits = [Edit { span, with: self.id.as_bytes() }];
        sink.write(Outgoing { source: response.bytes(), edits: &edits, response: true });
    }

    /// Answers with this raw JSON result.
    pub(crate) fn result(mut self, result: &[u8]) {
        let Some(sink) = self.sink.take() else { return };
        let text =
            [br#"{"jsonrpc":"2.0","id":"#, self.id.as_bytes(), b",\"result\":", result, b"}"];
        let text = text.concat().into();
        sink.write(Outgoing { source: &text, edits: &[], response: true });
    }

    /// Answers with an error of the proxy's own.
    pub(crate) fn error(mut self, error: &ErrorBody) {
        self.fail(error);
    }

    /// The client has cancelled the request: it gets no answer.
    pub(crate) fn forget(mut self) {
        if let Some(sink) = self.sink.take() {
            sink.forget();
        }
    }

    fn fail(&mut self, error: &ErrorBody) {
        if let Some(sink) = self.sink.take() {
            let text = error.response(self.id.as_bytes());
            sink.write(Outgoing { source: &text, edits: &[], response: true });
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.sink.is_some() {
            self.fail(&ErrorBody::new(Code::Internal, "the call was given up by the proxy"));
        }
    }
}
