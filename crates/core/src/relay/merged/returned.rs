//! What comes back from a server: unchanged, except for names that say which server they belong to.

use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;

use super::{party::Party, server::Server};
use crate::{
    jsonrpc::{Edit, Kind, Message, Span, elements, escape, find_member, string_text},
    protocol::Notification,
    relay::{Outgoing, Reader, Sink},
};

/// In the metadata of messages that belong to a task.
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// The kinds of results that are examined.
static SEALED: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["\"taskId\"", "\"requestState\""].map(Finder::new));

/// Receives the messages of one server for a client.
pub(super) struct Returned {
    sink: Arc<dyn Sink>,
    server: Arc<Server>,
    party: Arc<Party>,
}

/// New values as JSON, by their positions.
type Changes = Vec<(Span, Vec<u8>)>;

impl Returned {
    /// A sink for messages of this server to that sink of this client.
    pub(super) fn sink(
        party: &Arc<Party>,
        server: &Arc<Server>,
        sink: Arc<dyn Sink>,
    ) -> Arc<dyn Sink> {
        Arc::new(Self { sink, server: Arc::clone(server), party: Arc::clone(party) })
    }

    /// Whether a response passes without its members being examined.
    fn passes(&self, response: &[u8]) -> bool {
        !self.server.is_labelled() && SEALED.iter().all(|finder| finder.find(response).is_none())
    }

    /// Passes on a message that was examined.
    fn pass(&self, message: &Message, edits: &[Edit<'_>], sent: Outgoing<'_>) {
        let changes = match message.kind() {
            Kind::Request => self.question(message),
            Kind::Notification => self.notification(message),
            Kind::Result | Kind::Error => Some(self.result(message)),
        };
        let Some(mut changes) = changes else { return };
        self.tasks(message, &mut changes);
        let own = changes.iter().map(|(span, with)| Edit { span: *span, with });
        let mut all: Vec<Edit<'_>> = edits.iter().copied().chain(own).collect();
        all.sort_by_key(Edit::place);
        self.sink.write(Outgoing::of(message, &all, sent.response).stored_as(sent.event));
    }

    /// The client gets the question under a number of its own.
    fn question(&self, request: &Message) -> Option<Changes> {
        let Some(number) = self.party.questions().ask(&self.server, request) else {
            tracing::warn!(
                "a question of the server {:?} is dropped: its client has too many to answer",
                self.server.name
            );
            return None;
        };
        let spans = request.id_span().into_iter().chain(request.requested_token());
        Some(spans.map(|span| (span, number.to_string().into_bytes())).collect())
    }

    fn notification(&self, notification: &Message) -> Option<Changes> {
        let method = notification.method();
        match Notification::of(&method) {
            Notification::Cancelled => {
                let Some(span) = notification.cancelled_id() else { return Some(Vec::new()) };
                let id = notification.text(span);
                // The client knows only the questions that it was asked.
                let number = self.party.questions().taken_back(&self.server, id)?;
                Some(vec![(span, number.to_string().into_bytes())])
            }
            Notification::ResourceUpdated => {
                let span = notification.uri_span();
                Some(span.and_then(|span| self.labelled(notification, span)).into_iter().collect())
            }
            _ => {
                if method == "notifications/resources/list_changed" {
                    self.server.changed();
                }
                Some(Vec::new())
            }
        }
    }

    /// A question's state is sealed, and URIs get their labels.
    fn result(&self, response: &Message) -> Changes {
        let mut changes = Vec::new();
        let Some(result) = response.result() else { return changes };
        let bytes = response.bytes();
        if let Some(state) = find_member(bytes, result, "requestState") {
            let sealed = self.party.context().close_state(&self.server, response.text(state));
            changes.push((state, sealed));
        }
        if self.server.is_labelled() {
            let lists = ["content", "contents"].map(|list| find_member(bytes, result, list));
            for part in lists.into_iter().flatten().flat_map(|list| elements(bytes, list)) {
                let inner = find_member(bytes, part, "resource");
                let uris = [Some(part), inner].into_iter().flatten();
                let uris = uris.filter_map(|object| find_member(bytes, object, "uri"));
                changes.extend(uris.filter_map(|span| self.labelled(response, span)));
            }
        }
        changes
    }

    fn labelled(&self, message: &Message, span: Span) -> Option<(Span, Vec<u8>)> {
        let uri = string_text(message.text(span))?;
        let roster = self.party.endpoint.roster();
        let label = roster.labelled(&self.server, &uri)?;
        Some((span, escape(&[label, &uri].concat()).into_bytes()))
    }

    /// Ids of tasks get their server.
    fn tasks(&self, message: &Message, changes: &mut Changes) {
        let bytes = message.bytes();
        if SEALED[0].find(bytes).is_none() {
            return;
        }
        for whole in [message.params(), message.result()].into_iter().flatten() {
            let member = |object, name| find_member(bytes, object, name);
            let related = member(whole, "_meta").and_then(|meta| member(meta, RELATED_TASK));
            let objects = [Some(whole), member(whole, "task"), related];
            for span in objects.into_iter().flatten().filter_map(|it| member(it, "taskId")) {
                if let Some(own) = string_text(message.text(span)) {
                    changes.push((span, self.party.context().close_task(&self.server, &own)));
                }
            }
        }
    }
}

impl Sink for Returned {
    fn write(&self, outgoing: Outgoing<'_>) {
        if outgoing.response && self.passes(outgoing.source) {
            return self.sink.write(outgoing);
        }
        // A message that was parsed comes without its edits; one that was not, with them.
        let edits = if outgoing.parsed().is_some() { outgoing.edits } else { &[] };
        if let Some(message) = outgoing.message() {
            self.pass(&message, edits, outgoing);
        }
    }

    fn forget(&self) {
        self.sink.forget();
    }

    fn reader(&self) -> Option<&dyn Reader> {
        self.sink.reader()
    }
}
