//! What the rules of a server decide about one request: pure.
//!
//! A message that could be read in two ways is refused: if a member appears twice, or also in
//! another case, another parser may choose the other one.

use std::collections::HashMap;

use super::{
    lists::Kind,
    route::{Unrouted, unknown},
};
use crate::{
    config::Rules,
    jsonrpc::{Code, Edit, ErrorBody, Message, Span, escape, members, string_text},
    protocol::{is_misread, names_plainly},
    relay::refused::UNCLEAR,
};

/// The rules of a server, prepared for its requests.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub(super) rules: Rules,
    /// Whether everything passes unchanged.
    is_empty: bool,
    /// The clients' name of a renamed tool → the server's own name.
    own: HashMap<String, String>,
}

/// The decision about a request.
#[derive(Debug)]
pub(super) enum Ruling {
    Passes,
    Becomes(Message),
    Refused(ErrorBody),
}

impl Ready {
    pub(super) fn new(rules: &Rules) -> Self {
        let own = rules.tools.rename.iter().map(|(own, new)| (new.clone(), own.clone())).collect();
        Self { is_empty: rules.is_empty(), rules: rules.clone(), own }
    }

    /// Whether everything passes unchanged.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The server's own name for a client's name, if the client may use it.
    pub(super) fn own_tool<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let own = match self.own.get(name) {
            Some(own) => own,
            None if self.rules.tools.rename.contains_key(name) => return None,
            None => name,
        };
        self.rules.tools.filter.admits(own).then_some(own)
    }

    /// The clients' name for a server's name, if they see it.
    pub(super) fn shown_tool<'a>(&'a self, own: &'a str) -> Option<&'a str> {
        let name = self.rules.tools.rename.get(own).map_or(own, String::as_str);
        (self.own_tool(name) == Some(own)).then_some(name)
    }

    /// Whether clients see what the server lists under this name or URI.
    pub(super) fn shows(&self, kind: Kind, own: &str) -> bool {
        match kind {
            Kind::Tool => self.shown_tool(own).is_some(),
            Kind::Prompt => self.rules.prompts.admits(own),
            Kind::Resource | Kind::Template | Kind::Skill => self.rules.resources.admits(own),
            Kind::Task => true,
        }
    }

    /// Decides about a client's request or notification.
    pub(super) fn rule(&self, message: &Message) -> Ruling {
        if self.is_empty {
            return Ruling::Passes;
        }
        self.judge(message).unwrap_or_else(Ruling::Refused)
    }

    fn judge(&self, message: &Message) -> Result<Ruling, ErrorBody> {
        if is_misread(&message.method_bytes()) || !names_plainly(message) {
            return Err(ErrorBody::new(Code::InvalidParams, UNCLEAR));
        }
        let Some(params) = message.params() else { return Ok(Ruling::Passes) };
        let bytes = message.bytes();
        let name = only(bytes, params, "name", "params")?;
        let uri = only(bytes, params, "uri", "params")?;
        match &*message.method() {
            "tools/call" => {
                let name = name.and_then(|span| Some((span, string_text(message.text(span))?)));
                let Some((span, name)) = name else { return Ok(Ruling::Passes) };
                return self.call(message, params, (span, &name));
            }
            "prompts/get" => self.admit(Kind::Prompt, message, name)?,
            "completion/complete" => {
                let reference = only(bytes, params, "ref", "params")?;
                if let Some(reference) = reference {
                    let name = only(bytes, reference, "name", "params.ref")?;
                    self.admit(Kind::Prompt, message, name)?;
                    let uri = only(bytes, reference, "uri", "params.ref")?;
                    self.admit(Kind::Resource, message, uri)?;
                }
            }
            _ => {}
        }
        self.admit(Kind::Resource, message, uri)?;
        Ok(Ruling::Passes)
    }

    fn admit(&self, kind: Kind, message: &Message, span: Option<Span>) -> Result<(), ErrorBody> {
        let named = span.and_then(|span| string_text(message.text(span)));
        let Some(named) = named.filter(|named| !self.shows(kind, named)) else { return Ok(()) };
        Err(match kind {
            Kind::Prompt => unknown(kind, &named).into_error(message),
            _ => ErrorBody::new(Code::InvalidParams, format!("Resource not found: {named}")),
        })
    }

    fn call(
        &self,
        message: &Message,
        params: Span,
        (span, name): (Span, &str),
    ) -> Result<Ruling, ErrorBody> {
        let own = self.own_tool(name);
        let own = own.ok_or_else(|| Unrouted::into_error(unknown(Kind::Tool, name), message))?;
        let mut edits = Vec::new();
        if own != name {
            edits.push((span, escape(own)));
        }
        if let Some(fixed) = self.rules.tools.arguments.get(name) {
            let arguments = only(message.bytes(), params, "arguments", "params")?;
            fix(message, params, (arguments, fixed), &mut edits)?;
        }
        if edits.is_empty() {
            return Ok(Ruling::Passes);
        }
        edits.sort_by_key(|(span, _)| span.start);
        let edits: Vec<Edit<'_>> =
            edits.iter().map(|(span, with)| Edit { span: *span, with: with.as_bytes() }).collect();
        Ok(Ruling::Becomes(message.clone().rewritten(&edits)))
    }
}

type Fixed = std::collections::BTreeMap<String, String>;

/// Adds the fixed arguments to a call, replacing the client's own.
fn fix(
    message: &Message,
    params: Span,
    (arguments, fixed): (Option<Span>, &Fixed),
    edits: &mut Vec<(Span, String)>,
) -> Result<(), ErrorBody> {
    let mut added = Vec::new();
    for (name, value) in fixed {
        let given = match arguments {
            Some(arguments) => only(message.bytes(), arguments, name, "params.arguments")?,
            None => None,
        };
        match given {
            Some(span) => edits.push((span, value.clone())),
            None => added.push(format!("{}:{value}", escape(name))),
        }
    }
    if added.is_empty() {
        return Ok(());
    }
    let added = added.join(",");
    let (object, text) = match arguments {
        Some(object) if message.text(object).starts_with(b"{") => (object, added),
        Some(_) => {
            let error = "params.arguments: not an object";
            return Err(ErrorBody::new(Code::InvalidParams, error));
        }
        None => (params, format!(r#""arguments":{{{added}}}"#)),
    };
    let start = object.range().start + 1;
    let rest = message.bytes().get(start..).unwrap_or_default().trim_ascii_start();
    let comma = if rest.starts_with(b"}") { "" } else { "," };
    edits.push((Span::new(start, start), text + comma));
    Ok(())
}

/// The value of a member, if every parser reads the same one.
fn only(text: &[u8], object: Span, name: &str, whole: &str) -> Result<Option<Span>, ErrorBody> {
    let mut found = None;
    for member in members(text, object) {
        let exact = member.is(name);
        if (exact && found.is_some()) || (!exact && member.name().eq_ignore_ascii_case(name)) {
            let error = format!(
                "{whole}.{name}: appears more than once (upper and lower case \
                                 count as the same)"
            );
            return Err(ErrorBody::new(Code::InvalidParams, error));
        }
        if exact {
            found = Some(member.value);
        }
    }
    Ok(found)
}
