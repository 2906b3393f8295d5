//! A server that is reached over HTTP.

use super::{
    launch::{KINDS, Launch, Refusal},
    reading::Reading,
};
use crate::fleet::{
    dialect::Dialect,
    fault::quoted,
    members::{Members, Text},
    setting::DraftSetting,
};

/// `place` is the name of the member with the URL, and the URL.
pub(super) fn launch(
    reading: &Reading<'_>,
    (place, url): (&'static str, Text),
) -> Result<Launch, Refusal> {
    let members = &reading.members;
    for name in KINDS {
        members.get(name);
    }
    let scheme = url.value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => {}
        // It may become a URL.
        _ if url.value.contains("${") || url.value.starts_with('$') => {}
        Some(scheme @ ("unix" | "pipe" | "ws" | "wss")) => {
            let message = format!("the proxy cannot reach a server over {scheme}; it speaks HTTP");
            return Err(reading.server(url.at, &message));
        }
        _ => {
            let message = format!(
                "{} is not a URL that begins with http:// or https://",
                quoted(&members.path(place))
            );
            return Err(Refusal::File(members.source.fault(url.at, message)));
        }
    }
    let mut settings = Vec::new();
    if let Some(transport) = transport(reading, place)? {
        settings.push(DraftSetting::fixed("transport", transport, url.at));
    }
    settings.extend(headers(members)?);
    settings.extend(credentials(reading)?);
    members.ignore(
        "headersHelper",
        "the proxy does not run a program to get headers; write them into headers",
    );
    Ok(Launch { words: vec![url], settings })
}

/// The transport as the command line names it; `None` detects it.
fn transport(reading: &Reading<'_>, place: &str) -> Result<Option<&'static str>, Refusal> {
    let members = &reading.members;
    let mut said = None;
    for name in KINDS {
        if let Some(kind) = members.text(name)? {
            said = Some((name, kind));
        }
    }
    let Some((name, kind)) = said else {
        return Ok(match (place, reading.dialect) {
            ("httpUrl", _) => Some("stream"),
            ("url", Dialect::Gemini) => Some("sse"),
            _ => None,
        });
    };
    match kind.value.as_str() {
        // VS Code falls back to the older transport if the newer one is refused.
        "http" if reading.dialect == Dialect::VsCode => Ok(None),
        "http" | "streamable-http" | "streamableHttp" | "streamable_http" | "streamablehttp" => {
            Ok(Some("stream"))
        }
        "sse" => Ok(Some("sse")),
        "ws" | "websocket" => Err(reading.server(
            kind.at,
            "the proxy does not speak MCP over WebSocket; it speaks Streamable HTTP and HTTP+SSE",
        )),
        other => {
            let message = format!(
                "{} is {}; a server with a URL has \"http\", \"streamable-http\" or \"sse\"",
                quoted(&members.path(name)),
                quoted(other)
            );
            Err(Refusal::File(members.source.fault(kind.at, message)))
        }
    }
}

/// `headers`, and Codex's names for it.
fn headers(members: &Members<'_>) -> Result<Vec<DraftSetting>, Refusal> {
    let mut pairs = members.pairs("headers")?;
    pairs.extend(members.pairs("http_headers")?);
    for (name, variable) in members.pairs("env_http_headers")? {
        pairs.push((name, from_environment(&variable)));
    }
    for (name, _) in &pairs {
        let is_token =
            |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
        if name.value.is_empty() || !name.value.bytes().all(is_token) {
            let message = format!("{} is not a valid name of a header", quoted(&name.value));
            return Err(Refusal::File(members.source.fault(name.at, message)));
        }
    }
    Ok(DraftSetting::pairs("header", ": ", pairs))
}

/// The variable that a text refers to.
fn from_environment(variable: &Text) -> Text {
    Text { value: format!("${{env:{}}}", variable.value), at: variable.at }
}

/// The clients' settings for signing in.
fn credentials(reading: &Reading<'_>) -> Result<Vec<DraftSetting>, Refusal> {
    let members = &reading.members;
    let mut settings = Vec::new();
    if let Some(token) = members.get("bearer_token") {
        return Err(reading.server(
            token.at,
            "Codex refuses tokens in the file; name a variable with bearer_token_env_var",
        ));
    }
    if let Some(variable) = members.text("bearer_token_env_var")? {
        settings.push(DraftSetting::one("bearerToken", from_environment(&variable)));
    }
    for (object, names) in [
        (
            "oauth",
            [("clientId", "clientId"), ("client_id", "clientId"), ("clientSecret", "clientSecret")],
        ),
        ("auth", [("CLIENT_ID", "clientId"), ("CLIENT_SECRET", "clientSecret"), ("", "")]),
    ] {
        let Some(member) = members.get(object) else { continue };
        let path = members.path(object);
        let oauth = Members::of(&member.node, &path, members.source)?;
        for (name, flag) in names {
            if let Some(text) = oauth.text(name)? {
                settings.push(DraftSetting::one(flag, text));
            }
        }
        if let Some(scopes) = scopes(&oauth)? {
            settings.push(DraftSetting::one("scope", scopes));
        }
        if let Some((port, at)) = oauth.number("callbackPort")? {
            settings.push(DraftSetting::one("callbackPort", Text { value: port.to_string(), at }));
        }
    }
    Ok(settings)
}

/// Scopes as one text, or as an array.
fn scopes(oauth: &Members<'_>) -> Result<Option<Text>, Refusal> {
    let is_list = |name| {
        oauth.get(name).is_some_and(|member| {
            matches!(member.node.value, crate::fleet::document::Value::List(_))
        })
    };
    let name = if oauth.get("scopes").is_some() { "scopes" } else { "scope" };
    if !is_list(name) {
        return Ok(oauth.text(name)?);
    }
    let texts = oauth.texts(name)?.unwrap_or_default();
    let Some(at) = texts.first().map(|text| text.at) else { return Ok(None) };
    let scopes: Vec<&str> = texts.iter().map(|text| text.value.as_str()).collect();
    Ok(Some(Text { value: scopes.join(" "), at }))
}
