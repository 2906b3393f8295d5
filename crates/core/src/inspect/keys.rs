//! Who may see data: the first browser that opens the printed URL, with a token that it gets in
//! exchange.
//!
//! The token in the URL can be used once. It is exchanged for another one that lasts as long as the
//! page is open, so the URL in a terminal's scrollback or in a shell's history is worthless
//! afterwards.

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::config::Secret;

/// See the module.
#[derive(Debug)]
pub(super) struct Keys {
    /// The token that requests for data carry.
    session: Secret,
    /// Printed tokens that were not used yet.
    invitation: Mutex<Option<Secret>>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { session: random(), invitation: Mutex::new(Some(random())) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Secret>> {
        self.invitation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The URL to open in a browser on this machine.
    pub(super) fn url(&self, address: SocketAddr) -> String {
        let mut invitation = self.lock();
        let token = invitation.get_or_insert_with(random);
        format!("http://{address}/#token={}", token.reveal())
    }

    /// Whether the holder of this token may see data.
    pub(super) fn admit(&self, given: &[u8]) -> bool {
        self.session.is(given)
    }

    /// Exchanges a printed token that was not used yet for the lasting one.
    pub(super) fn exchange(&self, given: &[u8]) -> Option<&str> {
        let mut invitation = self.lock();
        let fits = invitation.as_ref().is_some_and(|known| known.is(given));
        if !fits {
            return None;
        }
        *invitation = None;
        Some(self.session.reveal())
    }

    /// Whether the last printed token was used, so that a new URL has to be printed.
    pub(super) fn is_used(&self) -> bool {
        self.lock().is_none()
    }
}

fn random() -> Secret {
    Secret::new(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
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
