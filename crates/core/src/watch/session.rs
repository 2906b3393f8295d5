//! Reports the beginning and end of a session to the tap.

use uuid::Uuid;

use super::{Detail, Frame, Life, Point, TAP};

/// Represents an open session; when dropped, reports that it was closed.
#[derive(Debug)]
pub(crate) struct SessionTag(Uuid);

impl SessionTag {
    /// A session was opened over this transport.
    pub(crate) fn opened(id: Uuid, transport: &'static str) -> Self {
        TAP.show(|| life(Life::Opened(transport), id));
        Self(id)
    }
}

impl Drop for SessionTag {
    fn drop(&mut self) {
        TAP.show(|| life(Life::Closed, self.0));
    }
}

fn life(life: Life, id: Uuid) -> Frame {
    Frame::event(Point::Session, Detail::Life(life)).in_session(Some(id))
}
