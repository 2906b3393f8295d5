//! Requests of a legacy server to its client, and the capabilities that they require.

use crate::{
    era::sampling::with_objects,
    jsonrpc::{Cuts, Message, Raw, Span, find_member, members},
};

/// The capability that a question requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Form,
    Url,
    Sampling,
    SamplingWithTools,
    Roots,
}

/// One request from the server to the client.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The server's raw id for it.
    pub(super) id: Raw,
    pub(crate) need: Need,
    /// The embedded request, as JSON.
    pub(super) request: String,
}

impl Question {
    /// The question in this request; `None` if modern clients cannot be asked that.
    pub(crate) fn of(request: &Message) -> Option<Self> {
        let method = request.method();
        let text = request.bytes();
        let has = |name| request.params().and_then(|params| find_member(text, params, name));
        let need = match &*method {
            "elicitation/create" if has("mode").map(|mode| mode.of(text)) == Some(b"\"url\"") => {
                Need::Url
            }
            "elicitation/create" => Need::Form,
            "sampling/createMessage" if has("tools").is_some() => Need::SamplingWithTools,
            "sampling/createMessage" => Need::Sampling,
            "roots/list" => Need::Roots,
            _ => return None,
        };
        let params = match request.params().filter(|_| need != Need::Roots) {
            Some(params) => format!(r#","params":{}"#, embedded(request, params)),
            None => String::new(),
        };
        let request_text = format!(r#"{{"method":"{method}"{params}}}"#);
        Some(Self { id: Raw::new(request.id()?), need, request: request_text })
    }

    /// The question to visit a URL, with these raw params.
    pub(crate) fn of_url(id: Raw, params: &str) -> Self {
        let request = format!(r#"{{"method":"elicitation/create","params":{params}}}"#);
        Self { id, need: Need::Url, request }
    }

    /// The server's response if the client gives no answer.
    pub(super) fn declined(&self) -> Vec<u8> {
        match self.need {
            Need::Form | Need::Url => response(&self.id, "result", r#"{"action":"cancel"}"#),
            _ => response(
                &self.id,
                "error",
                r#"{"code":-32603,"message":"the client did not answer"}"#,
            ),
        }
    }

    /// The server's response from a client's raw result.
    pub(super) fn answered(&self, answer: &str) -> Vec<u8> {
        let answer = answer.to_owned();
        let answer = if self.need.is_sampling() { with_objects(answer) } else { answer };
        response(&self.id, "result", &answer)
    }
}

impl Need {
    fn is_sampling(self) -> bool {
        matches!(self, Self::Sampling | Self::SamplingWithTools)
    }

    /// Whether a client with these raw capabilities can be asked.
    pub(crate) fn is_met_by(self, capabilities: &str) -> bool {
        let text = capabilities.as_bytes();
        let member = |object, name| find_member(text, object, name);
        let declared = |name| member(Span::new(0, text.len()), name);
        let elicitation = declared("elicitation").filter(|span| span.of(text).starts_with(b"{"));
        let mode = |name| elicitation.and_then(|modes| member(modes, name)).is_some();
        match self {
            // An empty object stands for forms.
            Self::Form => elicitation.is_some() && (mode("form") || !mode("url")),
            Self::Url => mode("url"),
            Self::Sampling => declared("sampling").is_some(),
            Self::SamplingWithTools => {
                declared("sampling").is_some_and(|sampling| member(sampling, "tools").is_some())
            }
            Self::Roots => declared("roots").is_some(),
        }
    }

    /// The smallest `ClientCapabilities` that suffice.
    pub(crate) fn capabilities(self) -> &'static str {
        match self {
            Self::Form => r#"{"elicitation":{}}"#,
            Self::Url => r#"{"elicitation":{"url":{}}}"#,
            Self::Sampling => r#"{"sampling":{}}"#,
            Self::SamplingWithTools => r#"{"sampling":{"tools":{}}}"#,
            Self::Roots => r#"{"roots":{}}"#,
        }
    }
}

/// Params without the members that exist only in the older era.
fn embedded(request: &Message, params: Span) -> String {
    let (mut cuts, mut edits) = (Cuts::default(), Vec::new());
    for entry in members(request.bytes(), params) {
        match &*entry.name() {
            "elicitationId" | "task" | "_meta" => cuts.goes(entry.whole()),
            _ => cuts.stays(entry.whole(), &mut edits),
        }
    }
    cuts.end(&mut edits);
    let left = request.edited(&edits);
    let params = left.params().map_or(&b"{}"[..], |span| left.text(span));
    String::from_utf8_lossy(params).into_owned()
}

fn response(id: &Raw, kind: &str, value: &str) -> Vec<u8> {
    let head = [b"{\"jsonrpc\":\"2.0\",\"id\":", id.as_bytes(), b",\""].concat();
    [&head[..], kind.as_bytes(), b"\":", value.as_bytes(), b"}"].concat()
}
