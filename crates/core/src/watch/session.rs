//! The beginning and the end of a session, for whoever watches.

use uuid::Uuid;

use super::{Detail, Frame, Life, Point, TAP};

/// Stands for a session as long as it is open; dropped, it says that the session was closed.
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
