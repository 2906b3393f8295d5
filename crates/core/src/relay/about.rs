//! Notifications about one request, and how anything is written for a client.

use std::sync::Arc;

use bytes::Bytes;

use super::{Outgoing, Sink};
use crate::{
    jsonrpc::{self, Edit, Message, Raw, spliced},
    telemetry::traffic,
};

/// A notification about one request that is still to be written, with this text at the span.
pub(super) struct About {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) notification: Message,
    pub(super) span: jsonrpc::Span,
    pub(super) own: Raw,
}

impl About {
    /// A progress notification for this sink, under this token.
    pub(super) fn progress(sink: Arc<dyn Sink>, notification: &Message, own: Raw) -> Option<Self> {
        let span = notification.reported_token()?;
        Some(Self { sink, notification: notification.clone(), span, own })
    }

    pub(super) fn write(self) {
        let edits = [Edit { span: self.span, with: self.own.as_bytes() }];
        write(&*self.sink, Outgoing::of(&self.notification, &edits, false));
    }
}

pub(super) fn write(sink: &dyn Sink, outgoing: Outgoing<'_>) {
    traffic!("<-", &as_sent(&outgoing), sink.session());
    sink.write(outgoing);
}

/// The message, as its client reads it.
#[cold]
fn as_sent(outgoing: &Outgoing<'_>) -> Bytes {
    spliced(outgoing.source, outgoing.edits)
}
