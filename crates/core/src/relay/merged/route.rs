//! The server of a client's request, and the request in that server's names. Pure, except for what
//! was learned from the lists.

use std::{borrow::Cow, sync::Arc};

use super::{
    context::Context,
    lists::{Kind, Listed},
    names::{inward, is_cut},
    server::{Roster, Server},
};
use crate::jsonrpc::{
    Code, Edit, ErrorBody, Message, Span, escape, find_member, find_removal, members, string_text,
};

/// In the metadata of a request: its server.
pub(super) const SERVER: &str = "io.github.mcp-proxy/server";

/// Where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) server: Arc<Server>,
    /// The values to replace, and their replacements, in ascending order.
    edits: Vec<(Span, Vec<u8>)>,
}

/// Why a request is not sent.
#[derive(Debug)]
pub(super) enum Unrouted {
    /// It is answered with this.
    Refused(ErrorBody),
    /// These lists of the server, or those of all servers, must be read first.
    Unread(Option<(Arc<Server>, Kind)>),
}

impl Unrouted {
    /// The decision when nothing more can be learned.
    pub(super) fn into_error(self, request: &Message) -> ErrorBody {
        match self {
            Self::Refused(error) => error,
            Self::Unread(Some(_)) => {
                let name = request.name().unwrap_or_default();
                ErrorBody::new(Code::InvalidParams, format!("Not found: {name}"))
            }
            Self::Unread(None) => match request.uri() {
                Some(uri) => no_resource(&uri),
                None => ErrorBody::new(Code::InvalidParams, "Not found: params.ref"),
            },
        }
    }
}

impl Route {
    fn to(server: &Arc<Server>) -> Self {
        Self { server: Arc::clone(server), edits: Vec::new() }
    }

    fn with(server: &Arc<Server>, span: Span, value: &str) -> Self {
        Self { server: Arc::clone(server), edits: vec![(span, escape(value).into_bytes())] }
    }

    /// The request as the server reads it.
    pub(super) fn message(&self, request: Message) -> Message {
        // From the end, so that the other positions stay valid.
        self.edits.iter().rev().fold(request, |request, (span, with)| request.replaced(*span, with))
    }
}

/// Finds the server of a request.
pub(super) fn route(
    roster: &Roster,
    context: &Context<'_>,
    request: &Message,
) -> Result<Route, Unrouted> {
    let method = request.method();
    if request.repeats_name() {
        return Err(refused("params.name appears more than once"));
    }
    let mut route = match &*method {
        "completion/complete" => by_reference(roster, request)?,
        _ => by_name(roster, request, &method)
            .or_else(|| by_uri(roster, request))
            .or_else(|| by_task(roster, context, request))
            .or_else(|| by_metadata(roster, request))
            .unwrap_or_else(|| Err(unknown_method(&method)))?,
    };
    unseal(&mut route, context, request)?;
    Ok(route)
}

fn by_name(roster: &Roster, request: &Message, method: &str) -> Option<Result<Route, Unrouted>> {
    let span = request.only_name()?;
    let name = string_text(request.text(span))?;
    let kind = if method == "prompts/get" { Kind::Prompt } else { Kind::Tool };
    let known = matches!(method, "tools/call" | "prompts/get");
    match named(roster, &name, kind) {
        Ok((server, own)) => Some(Ok(Route::with(server, span, &own))),
        // The name of an unknown kind of thing need not be a merged one.
        Err(Unrouted::Refused(_)) if !known => None,
        Err(unrouted) => Some(Err(unrouted)),
    }
}

/// The server of a merged name, and the name that the server uses.
fn named<'r, 'n>(
    roster: &'r Roster,
    name: &'n str,
    kind: Kind,
) -> Result<(&'r Arc<Server>, Cow<'n, str>), Unrouted> {
    let found = inward(name).and_then(|(prefix, own)| Some((roster.prefixed(prefix)?, own)));
    let Some((server, own)) = found else {
        return Err(unknown(kind, name));
    };
    if !is_cut(name) {
        return Ok((server, own.into()));
    }
    match server.uncut(kind, name) {
        Some(whole) => Ok((server, whole.into())),
        None => Err(Unrouted::Unread(Some((Arc::clone(server), kind)))),
    }
}

/// The error for an unknown name.
pub(super) fn unknown(kind: Kind, name: &str) -> Unrouted {
    let what = if kind == Kind::Prompt { "prompt" } else { "tool" };
    refused(format!("Unknown {what}: {name}"))
}

fn by_uri(roster: &Roster, request: &Message) -> Option<Result<Route, Unrouted>> {
    let span = request.uri_span()?;
    let uri = string_text(request.text(span))?;
    Some(located(roster, span, &uri))
}

fn located(roster: &Roster, span: Span, uri: &str) -> Result<Route, Unrouted> {
    if let Some((server, own)) = roster.owner(uri) {
        return Ok(if own == uri { Route::to(server) } else { Route::with(server, span, own) });
    }
    if roster.servers.iter().all(|server| server.is_read()) {
        return Err(Unrouted::Refused(no_resource(uri)));
    }
    Err(Unrouted::Unread(None))
}

fn by_reference(roster: &Roster, request: &Message) -> Result<Route, Unrouted> {
    let reference = request.params().and_then(|params| find_member(request.bytes(), params, "ref"));
    let (mut name, mut uri) = (Vec::new(), Vec::new());
    for member in reference.into_iter().flat_map(|span| members(request.bytes(), span)) {
        match string_text(request.text(member.value)) {
            Some(text) if member.is("name") => name.push((member.value, text)),
            Some(text) if member.is("uri") => uri.push((member.value, text)),
            _ => {}
        }
    }
    match (name.as_slice(), uri.as_slice()) {
        ([(span, name)], []) => {
            let (server, own) = named(roster, name, Kind::Prompt)?;
            Ok(Route::with(server, *span, &own))
        }
        ([], [(span, uri)]) => located(roster, *span, uri),
        _ => Err(refused("params.ref names neither a prompt nor a resource")),
    }
}

fn by_task(
    roster: &Roster,
    context: &Context<'_>,
    request: &Message,
) -> Option<Result<Route, Unrouted>> {
    let span = find_member(request.bytes(), request.params()?, "taskId")?;
    let task = string_text(request.text(span))?;
    let found = context.open_task(&task);
    let found = found.and_then(|(tag, own)| Some((roster.tagged(tag)?, own)));
    Some(match found {
        Some((server, own)) => Ok(Route::with(server, span, &own)),
        None => Err(refused(format!("Unknown task: {task}"))),
    })
}

fn by_metadata(roster: &Roster, request: &Message) -> Option<Result<Route, Unrouted>> {
    let span = find_member(request.bytes(), request.meta()?, SERVER)?;
    let name = string_text(request.text(span))?;
    Some(match roster.named(&name) {
        Some(server) => Ok(Route::to(server)),
        None => Err(refused(format!("params._meta[{SERVER:?}]: unknown server: {name}"))),
    })
}

/// Sends a state that a client brings back to the server that wrote it, and to no other.
fn unseal(route: &mut Route, context: &Context<'_>, request: &Message) -> Result<(), Unrouted> {
    if !request.has_reserved_members() {
        return Ok(());
    }
    let state =
        request.params().and_then(|params| find_member(request.bytes(), params, "requestState"));
    let Some(span) = state else { return Ok(()) };
    let opened = string_text(request.text(span))
        .and_then(|sealed| context.open_state(&route.server, &sealed))
        .ok_or_else(|| refused("params.requestState: unknown, or not for this call"))?;
    route.edits.push((span, opened));
    route.edits.sort_by_key(|(span, _)| span.start);
    Ok(())
}

/// The error for a URI that no server has.
fn no_resource(uri: &str) -> ErrorBody {
    let data = Some(format!(r#"{{"uri":{}}}"#, escape(uri)));
    ErrorBody { data, ..ErrorBody::new(Code::InvalidParams, format!("Resource not found: {uri}")) }
}

fn refused(message: impl Into<String>) -> Unrouted {
    Unrouted::Refused(ErrorBody::new(Code::InvalidParams, message))
}

fn unknown_method(method: &str) -> Unrouted {
    let missing = match method {
        "tools/call" | "prompts/get" => Some("params.name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some("params.uri"),
        _ if method.starts_with("tasks/") => Some("params.taskId"),
        _ => None,
    };
    if let Some(missing) = missing {
        return refused(format!("{missing} is missing, or is not a string"));
    }
    let text = format!(
        "Method not found: {method}; several servers are served here, and the request names none \
         of them (params.name, params.uri, or {SERVER} in params._meta)"
    );
    Unrouted::Refused(ErrorBody::new(Code::MethodNotFound, text))
}

/// A request for a page of a list, with this raw cursor of the server.
pub(super) fn paged(request: &Message, cursor: Option<&[u8]>) -> Message {
    let bytes = request.bytes();
    let Some(params) = request.params() else {
        let Some(cursor) = cursor else { return request.clone() };
        let end = memchr::memrchr(b'}', bytes).unwrap_or_default();
        let with = [br#","params":{"cursor":"#, cursor, b"}"].concat();
        return request.clone().rewritten(&[Edit { span: Span::new(end, end), with: &with }]);
    };
    let asked = find_member(bytes, params, "cursor");
    let (span, with) = match (asked, cursor) {
        (None, None) => return request.clone(),
        (Some(asked), Some(cursor)) => (asked, cursor.to_vec()),
        (Some(_), None) => match find_removal(bytes, params, "cursor") {
            Some(cut) => (cut, Vec::new()),
            None => return request.clone(),
        },
        (None, Some(cursor)) => {
            let start = params.range().start + 1;
            let rest = bytes.get(start..).unwrap_or_default().trim_ascii_start();
            let comma: &[u8] = if rest.first() == Some(&b'}') { b"" } else { b"," };
            (Span::new(start, start), [br#""cursor":"#, cursor, comma].concat())
        }
    };
    request.clone().rewritten(&[Edit { span, with: &with }])
}

/// A request for a list in place of another request, with its id and metadata.
pub(super) fn listing(request: &Message, listed: Listed) -> Option<Message> {
    let id = request.id().unwrap_or(b"null");
    let meta = request.meta().map(|meta| request.text(meta));
    let meta = meta.map(|meta| [br#""_meta":"#, meta].concat()).unwrap_or_default();
    let text = [
        br#"{"jsonrpc":"2.0","id":"#,
        id,
        br#","method":""#,
        listed.method.as_bytes(),
        br#"","params":{"#,
        &meta,
        b"}}",
    ];
    Message::parse(text.concat().into()).ok()
}
