//! Who may see data: whoever opens the URL that was printed, once, and what they get for it.
//!
//! The token of the URL is good for one use. It is exchanged for another one that lasts as long as
//! the page is open, so that what stays in the scrollback of a terminal, or in the history of a
//! shell, opens nothing.

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// See the module.
#[derive(Debug)]
pub(super) struct Keys {
    /// What requests for data are sent with.
    session: String,
    /// What was printed and not used yet.
    invitation: Mutex<Option<String>>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { session: random(), invitation: Mutex::new(Some(random())) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.invitation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to open in a browser on this machine.
    pub(super) fn url(&self, address: SocketAddr) -> String {
        let mut invitation = self.lock();
        let token = invitation.get_or_insert_with(random);
        format!("http://{address}/#token={token}")
    }

    /// Whether this lets its sender see data.
    pub(super) fn admit(&self, given: &[u8]) -> bool {
        self.session.as_bytes().ct_eq(given).into()
    }

    /// The lasting token for one that was printed and not used yet.
    pub(super) fn exchange(&self, given: &[u8]) -> Option<&str> {
        let mut invitation = self.lock();
        let fits = invitation.as_ref().is_some_and(|known| known.as_bytes().ct_eq(given).into());
        if !fits {
            return None;
        }
        *invitation = None;
        Some(&self.session)
    }

    /// Whether what was printed last was used: a further one is printed for whoever asks again.
    pub(super) fn is_used(&self) -> bool {
        self.lock().is_none()
    }
}

fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_good_for_one_use() {
        let keys = Keys::new();
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let url = keys.url(address);
        let token = url.split_once('=').unwrap().1.as_bytes();
        assert!(!keys.admit(token) && !keys.is_used());
        assert!(keys.exchange(b"other").is_none() && keys.exchange(b"").is_none());
        let session = keys.exchange(token).unwrap();
        assert!(keys.admit(session.as_bytes()) && !keys.admit(b""));
        assert!(keys.is_used() && keys.exchange(token).is_none());
        assert!(keys.exchange(b"").is_none());
        let next = keys.url(address);
        assert!(next != url && next == keys.url(address) && !keys.is_used());
    }
}
