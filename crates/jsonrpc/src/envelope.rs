//! One JSON-RPC message: its bytes, and the ranges of the members that matter to a proxy.
//!
//! The scan happens once per direction. Everything that is not listed in [`Parts`] is neither
//! examined nor changed.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    folding::folds_to,
    json::{Scanner, Span, SyntaxError, decode, find_member, string_text},
    splice::{Edit, spliced},
};

/// Key of the request metadata that marks a 2026-07-28 message.
pub(crate) const PROTOCOL_VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// Prefix of the specification's own metadata keys.
const RESERVED_PREFIX: &[u8] = b"io.modelcontextprotocol/";

/// Longest id or progress token, in raw bytes: they are kept while a call runs.
pub const MAX_ID: usize = 1024;

/// The members of a message.
const ENVELOPE_MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
/// The members of `params` by which a message is routed, here or behind its server.
const PARAMS_MEMBERS: [&str; 14] = [
    "_meta",
    "arguments",
    "cursor",
    "elicitationId",
    "inputResponses",
    "level",
    "name",
    "notifications",
    "progressToken",
    "requestId",
    "requestState",
    "task",
    "taskId",
    "uri",
];
/// The keys of `params._meta` by which a message is routed.
const META_MEMBERS: [&str; 7] = [
    "progressToken",
    PROTOCOL_VERSION_KEY,
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/related-task",
    "io.modelcontextprotocol/subscriptionId",
];

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// Has a result.
    Result,
    /// Has an error.
    Error,
}

/// Why some bytes are not a JSON-RPC message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not UTF-8; the position of the first wrong byte.
    #[error("not UTF-8 (byte {0})")]
    Utf8(usize),
    /// Not JSON.
    #[error("not JSON: {0}")]
    Syntax(#[from] SyntaxError),
    /// JSON, but not a message of JSON-RPC 2.0; what is wrong.
    #[error("not a JSON-RPC 2.0 message: {0}")]
    Shape(&'static str),
    /// An id or a progress token is longer than [`MAX_ID`].
    #[error("an id or a progress token of more than {MAX_ID} bytes")]
    LongId,
    /// An array of more messages than this limit.
    #[error("an array of more than {0} messages")]
    TooMany(usize),
}

/// A JSON-RPC message as it was received.
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Bytes,
    kind: Kind,
    parts: Parts,
    is_detached: bool,
}

/// Ranges of the members that decide where a message goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    version: Option<Span>,
    id: Option<Span>,
    method: Option<Text>,
    params: Option<Span>,
    result: Option<Span>,
    error: Option<Span>,
    meta: Option<Span>,
    meta_token: Option<Span>,
    protocol_version: Option<Span>,
    token: Option<Span>,
    request_id: Option<Span>,
    uri: Option<Span>,
    name: Option<Span>,
    reserved: Reserved,
    repeated: bool,
    /// A member may mean something else to another parser.
    ambiguous: bool,
    object: bool,
}

/// Whether there are members that only one era defines.
#[derive(Clone, Copy, Debug, Default)]
struct Reserved {
    /// In `params`.
    params: bool,
    /// In `params._meta`: the specification's own keys.
    meta: bool,
    /// `params.name` is repeated.
    names: bool,
}

/// A JSON string: the range between its quotes, and whether it contains escapes.
#[derive(Clone, Copy, Debug)]
struct Text {
    span: Span,
    escaped: bool,
}

impl Message {
    /// Scans one message. Line breaks between tokens become spaces, so that the message can
    /// travel as one line and as one SSE `data:` field; nothing else changes.
    pub fn parse(bytes: Bytes) -> Result<Self, Invalid> {
        check_utf8(&bytes)?;
        let mut scanner = Scanner::new(&bytes)?;
        let parts = Parts::scan(&mut scanner, 0)?;
        if !parts.object {
            scanner.value()?;
        }
        scanner.finish()?;
        let breaks = scanner.breaks();
        Self::assemble(if breaks { without_breaks(&bytes) } else { bytes }, parts)
    }

    pub(super) fn assemble(bytes: Bytes, parts: Parts) -> Result<Self, Invalid> {
        Ok(Self { kind: parts.kind(&bytes)?, bytes, parts, is_detached: false })
    }

    /// The same in a buffer of its own, for messages that are kept: the receive buffer may contain
    /// much more.
    #[must_use]
    pub fn detached(&self) -> Self {
        if self.is_detached {
            return self.clone();
        }
        Self { bytes: Bytes::copy_from_slice(&self.bytes), is_detached: true, ..self.clone() }
    }

    /// What kind of message it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The whole message; without line breaks outside of strings.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The raw id.
    pub fn id(&self) -> Option<&[u8]> {
        self.parts.id.map(|span| span.of(&self.bytes))
    }

    /// Where the raw id is.
    pub fn id_span(&self) -> Option<Span> {
        self.parts.id
    }

    /// The method; empty for a response.
    pub fn method(&self) -> Cow<'_, str> {
        match self.method_bytes() {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).unwrap_or_default().into(),
            Cow::Owned(bytes) => String::from_utf8(bytes).unwrap_or_default().into(),
        }
    }

    /// The same as bytes, to compare it on the road of a message: the message is known to be UTF-8, so
    /// that checking a part of it would be work for nothing.
    #[inline]
    pub fn method_bytes(&self) -> Cow<'_, [u8]> {
        match self.parts.method {
            Some(Text { span, escaped: true }) => decode(span.of(&self.bytes)).into_bytes().into(),
            Some(Text { span, escaped: false }) => span.of(&self.bytes).into(),
            None => (&b""[..]).into(),
        }
    }

    /// Where `params` is.
    pub fn params(&self) -> Option<Span> {
        self.parts.params
    }

    /// Where `result` is.
    pub fn result(&self) -> Option<Span> {
        self.parts.result
    }

    /// The whole error object.
    pub fn error(&self) -> Option<Span> {
        self.parts.error
    }

    /// `error.code`.
    pub fn error_code(&self) -> Option<i64> {
        let code = find_member(&self.bytes, self.parts.error?, "code")?;
        std::str::from_utf8(self.text(code)).ok()?.parse().ok()
    }

    /// `params._meta.progressToken` of a request.
    pub fn requested_token(&self) -> Option<Span> {
        self.parts.meta_token
    }

    /// `params.progressToken` of a progress notification.
    pub fn reported_token(&self) -> Option<Span> {
        self.parts.token
    }

    /// `params.requestId` of a cancellation.
    pub fn cancelled_id(&self) -> Option<Span> {
        self.parts.request_id
    }

    /// `params.uri` when it is a string, decoded.
    pub fn uri(&self) -> Option<String> {
        let span = self.parts.uri?;
        let inner = span.of(&self.bytes).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(decode(inner))
    }

    /// `params.name` when it is a string, decoded; the last one if it is repeated.
    #[inline]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        string_text(self.text(self.parts.name?))
    }

    /// `params.name` of any type; the last one if it is repeated.
    pub fn name_span(&self) -> Option<Span> {
        self.parts.name
    }

    /// `params.name` of any type; `None` also if it is repeated, because parsers differ in which
    /// one they use.
    pub fn only_name(&self) -> Option<Span> {
        self.parts.name.filter(|_| !self.parts.reserved.names)
    }

    /// Whether `params.name` is repeated.
    pub fn repeats_name(&self) -> bool {
        self.parts.reserved.names
    }

    /// `params.uri` of any type.
    pub fn uri_span(&self) -> Option<Span> {
        self.parts.uri
    }

    /// `params._meta` of any type.
    pub fn meta(&self) -> Option<Span> {
        self.parts.meta
    }

    /// Whether `params._meta` contains a protocol version, which marks a message of the modern era.
    pub fn claims_version(&self) -> bool {
        self.parts.protocol_version.is_some()
    }

    /// The message with these edits, without scanning it again. They may remove whole members of
    /// `params` and of `params._meta`, and nothing else.
    #[must_use]
    pub fn edited(&self, edits: &[Edit<'_>]) -> Self {
        let bytes = spliced(&self.bytes, edits);
        Self { bytes, kind: self.kind, parts: self.parts.without(edits), is_detached: true }
    }

    /// The message with this JSON in place of a value in `params`, without scanning it again. The
    /// new value has no line breaks. Of the values whose ranges are kept, only `params.name` and
    /// `params.uri` may be replaced.
    #[must_use]
    pub fn replaced(&self, value: Span, with: &[u8]) -> Self {
        let bytes = spliced(&self.bytes, &[Edit { span: value, with }]);
        let parts = self.parts.stretched(value, with.len());
        Self { bytes, kind: self.kind, parts, is_detached: true }
    }

    /// The message with any edits; unchanged if the result would not be a message.
    #[must_use]
    pub fn rewritten(self, edits: &[Edit<'_>]) -> Self {
        // This is rare, so it is scanned again instead of moving every range.
        Self::parse(spliced(&self.bytes, edits)).unwrap_or(self)
    }

    /// Whether another JSON parser may read a different message: a member of the envelope, of
    /// `params` or of `params._meta` differs from a known one only in case, or a member that
    /// matters to servers is repeated.
    pub fn is_ambiguous(&self) -> bool {
        self.parts.ambiguous
    }

    /// Whether `params` may contain members that only one era defines.
    pub fn has_reserved_members(&self) -> bool {
        self.parts.reserved.params
    }

    /// Whether `params._meta` contains the specification's own keys.
    pub fn has_reserved_meta(&self) -> bool {
        self.parts.reserved.meta
    }

    /// A request or notification with further members at the beginning of `params._meta`. If
    /// `_meta` is not an object, they are left out.
    #[must_use]
    pub fn with_meta(self, members: &str) -> Self {
        let Some((at, text)) = self.meta_insertion(members) else { return self };
        self.rewritten(&[Edit { span: Span::new(at, at), with: text.as_bytes() }])
    }

    /// Where further members of `params._meta` are inserted, and the text around them.
    pub fn meta_insertion(&self, members: &str) -> Option<(usize, String)> {
        Some(match (self.parts.meta, self.parts.params) {
            (Some(meta), _) if self.text(meta).first() != Some(&b'{') => return None,
            (Some(meta), _) => self.at_start_of(meta, members),
            (None, Some(params)) => self.at_start_of(params, &format!("\"_meta\":{{{members}}}")),
            (None, None) => {
                let end = memchr::memrchr(b'}', &self.bytes).unwrap_or_default();
                (end, format!(",\"params\":{{\"_meta\":{{{members}}}}}"))
            }
        })
    }

    /// Where a member is inserted as an object's first one, with a comma if there are others.
    fn at_start_of(&self, object: Span, member: &str) -> (usize, String) {
        let inside = self.text(object).get(1..).unwrap_or_default().trim_ascii_start();
        let comma = if inside.first() == Some(&b'}') { "" } else { "," };
        (object.range().start + 1, format!("{member}{comma}"))
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The raw text of a part of this message.
    pub fn text(&self, span: Span) -> &[u8] {
        span.of(&self.bytes)
    }
}

impl Parts {
    /// The same parts after these ranges were removed; parts inside of them are removed, too.
    fn without(&self, cuts: &[Edit<'_>]) -> Self {
        let place = |at: u32| {
            let before = cuts.iter().filter(|cut| cut.span.end <= at);
            at - before.map(|cut| cut.span.end - cut.span.start).sum::<u32>()
        };
        let moved = |span: Span| Span { start: place(span.start), end: place(span.end) };
        let left = |span: Option<Span>| {
            let span = span?;
            let gone = |cut: &Edit<'_>| cut.span.start <= span.start && span.end <= cut.span.end;
            (!cuts.iter().any(gone)).then(|| moved(span))
        };
        Self {
            version: left(self.version),
            id: left(self.id),
            method: self.method.map(|text| Text { span: moved(text.span), ..text }),
            params: left(self.params),
            result: left(self.result),
            error: left(self.error),
            meta: left(self.meta),
            meta_token: left(self.meta_token),
            protocol_version: left(self.protocol_version),
            token: left(self.token),
            request_id: left(self.request_id),
            uri: left(self.uri),
            name: left(self.name),
            ..*self
        }
    }

    /// The same parts after a value was replaced by this many bytes.
    fn stretched(&self, value: Span, length: usize) -> Self {
        let length = Span::new(0, length).end;
        // Parts inside of the value are removed; only the value itself is kept.
        let place = |at: u32| {
            if at >= value.end { at - value.end + value.start + length } else { at }
        };
        let moved = |span: Option<Span>| {
            span.map(|span| Span { start: place(span.start), end: place(span.end) })
        };
        Self {
            version: moved(self.version),
            id: moved(self.id),
            method: self.method.map(|text| Text {
                span: Span { start: place(text.span.start), end: place(text.span.end) },
                ..text
            }),
            params: moved(self.params),
            result: moved(self.result),
            error: moved(self.error),
            meta: moved(self.meta),
            meta_token: moved(self.meta_token),
            protocol_version: moved(self.protocol_version),
            token: moved(self.token),
            request_id: moved(self.request_id),
            uri: moved(self.uri),
            name: moved(self.name),
            ..*self
        }
    }

    /// Scans one object; positions are relative to `base`. Whatever is not a message is noted and
    /// reported by [`Self::kind`]; anything but an object is left unread.
    pub(super) fn scan(scanner: &mut Scanner<'_>, base: usize) -> Result<Self, SyntaxError> {
        let mut parts = Self::default();
        if scanner.peek() != Some(b'{') {
            return Ok(parts);
        }
        parts.object = true;
        let mut members = scanner.enter_object()?;
        while let Some(key) = scanner.next_key(&mut members)? {
            let member = key.with(|name| {
                let member = Member::of(name);
                if matches!(member, Member::Other) {
                    parts.ambiguous |= folds_to(name, &ENVELOPE_MEMBERS);
                }
                member
            });
            match member {
                Member::Method => parts.scan_method(scanner, base)?,
                Member::Params => parts.scan_params(scanner, base)?,
                Member::Other => {
                    scanner.value()?;
                }
                _ => {
                    let value = scanner.value()?.shifted(base);
                    let slot = match member {
                        Member::Id => &mut parts.id,
                        Member::Result => &mut parts.result,
                        Member::Error => &mut parts.error,
                        _ => &mut parts.version,
                    };
                    parts.repeated |= slot.replace(value).is_some();
                }
            }
        }
        Ok(parts)
    }

    fn scan_method(&mut self, scanner: &mut Scanner<'_>, base: usize) -> Result<(), SyntaxError> {
        if scanner.peek() == Some(b'"') {
            let (span, escaped) = scanner.string()?;
            let text = Text { span: span.shifted(base), escaped };
            self.repeated |= self.method.replace(text).is_some();
        } else {
            scanner.value()?;
            self.repeated = true;
        }
        Ok(())
    }

    fn scan_params(&mut self, scanner: &mut Scanner<'_>, base: usize) -> Result<(), SyntaxError> {
        if scanner.peek() != Some(b'{') {
            self.repeated = true;
            return scanner.value().map(drop);
        }
        let start = scanner.at();
        let mut has_arguments = false;
        let mut members = scanner.enter_object()?;
        while let Some(key) = scanner.next_key(&mut members)? {
            let slot = key.with(|name| match name {
                b"progressToken" => Some(&mut self.token),
                b"requestId" => Some(&mut self.request_id),
                b"uri" => Some(&mut self.uri),
                b"_meta" => Some(&mut self.meta),
                b"task" | b"inputResponses" | b"requestState" => {
                    self.reserved.params = true;
                    None
                }
                b"name" => {
                    let repeats = self.name.take().is_some();
                    self.reserved.names |= repeats;
                    self.ambiguous |= repeats;
                    Some(&mut self.name)
                }
                b"arguments" => {
                    self.ambiguous |= std::mem::replace(&mut has_arguments, true);
                    None
                }
                _ => {
                    self.ambiguous |= folds_to(name, &PARAMS_MEMBERS);
                    None
                }
            });
            let Some(slot) = slot else {
                scanner.value()?;
                continue;
            };
            if key.is("_meta") && scanner.peek() == Some(b'{') {
                self.scan_meta(scanner, base)?;
            } else {
                let value = scanner.value()?.shifted(base);
                self.repeated |= slot.replace(value).is_some();
            }
        }
        let span = Span::new(start, scanner.at()).shifted(base);
        self.repeated |= self.params.replace(span).is_some();
        Ok(())
    }

    fn scan_meta(&mut self, scanner: &mut Scanner<'_>, base: usize) -> Result<(), SyntaxError> {
        let start = scanner.at();
        let mut members = scanner.enter_object()?;
        while let Some(key) = scanner.next_key(&mut members)? {
            let slot = key.with(|name| {
                if name == b"progressToken" {
                    return Some(&mut self.meta_token);
                }
                self.reserved.meta |= name.starts_with(RESERVED_PREFIX);
                let is_version = name == PROTOCOL_VERSION_KEY.as_bytes();
                self.ambiguous |= !is_version && folds_to(name, &META_MEMBERS);
                is_version.then_some(&mut self.protocol_version)
            });
            let value = scanner.value()?.shifted(base);
            if let Some(slot) = slot {
                self.repeated |= slot.replace(value).is_some();
            }
        }
        let span = Span::new(start, scanner.at()).shifted(base);
        self.repeated |= self.meta.replace(span).is_some();
        Ok(())
    }

    pub(super) fn kind(&self, bytes: &[u8]) -> Result<Kind, Invalid> {
        if !self.object {
            return Err(Invalid::Shape("not an object"));
        }
        if self.repeated {
            return Err(Invalid::Shape("a member is repeated or has the wrong type"));
        }
        if self.version.map(|span| span.of(bytes)) != Some(b"\"2.0\"") {
            return Err(Invalid::Shape("\"jsonrpc\" is not \"2.0\""));
        }
        let is_long = |kept: Option<Span>| kept.is_some_and(|span| span.range().len() > MAX_ID);
        if is_long(self.id)
            || is_long(self.meta_token)
            || is_long(self.token)
            || is_long(self.request_id)
        {
            return Err(Invalid::LongId);
        }
        let id = self.id.map(|span| span.of(bytes));
        let addressable = id.is_some_and(|id| matches!(id[0], b'"' | b'-' | b'0'..=b'9'));
        match (self.method.is_some(), self.result.is_some(), self.error.is_some()) {
            (true, false, false) if id.is_none() => Ok(Kind::Notification),
            (true, false, false) if addressable => Ok(Kind::Request),
            (false, true, false) if addressable => Ok(Kind::Result),
            (false, false, true) if addressable || id.is_none() || id == Some(b"null") => {
                Ok(Kind::Error)
            }
            (true, false, false) | (false, true, false) | (false, false, true) => {
                Err(Invalid::Shape("the id is neither a string nor a number"))
            }
            _ => Err(Invalid::Shape("neither a request, a notification nor a response")),
        }
    }
}

/// The members of a message.
#[derive(Clone, Copy)]
enum Member {
    Version,
    Id,
    Method,
    Params,
    Result,
    Error,
    Other,
}

impl Member {
    fn of(name: &[u8]) -> Self {
        match name {
            b"jsonrpc" => Self::Version,
            b"id" => Self::Id,
            b"method" => Self::Method,
            b"params" => Self::Params,
            b"result" => Self::Result,
            b"error" => Self::Error,
            _ => Self::Other,
        }
    }
}

pub(super) fn check_utf8(bytes: &[u8]) -> Result<(), Invalid> {
    simdutf8::compat::from_utf8(bytes).map(drop).map_err(|error| Invalid::Utf8(error.valid_up_to()))
}

/// The scanner refuses raw line breaks in strings, so all of them are white space.
#[cold]
pub(super) fn without_breaks(bytes: &[u8]) -> Bytes {
    let spaced = |&byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
    bytes.iter().map(spaced).collect::<Vec<u8>>().into()
}
