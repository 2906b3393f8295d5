//! The progress tokens of calls that another library makes for clients.

use crate::relay::{
    Reply,
    exchange::{Exchanges, Ids, Leg, Purpose},
};

/// Calls under way, by the tokens that the upstream knows them by. The table is the one of
/// [`Shared`](crate::relay::Shared); its ids are far from those of messages, which the SDKs use as
/// tokens of their own.
#[derive(Debug)]
pub struct ProgressTokens(Exchanges);

impl Default for ProgressTokens {
    fn default() -> Self {
        Self(Exchanges::with(Ids::Unguessable))
    }
}

impl ProgressTokens {
    /// The token that stands upstream for this one, which is raw JSON.
    pub fn begin(&mut self, token: &str) -> u64 {
        let own = self.0.next_id();
        let reply = Reply::elsewhere(token.as_bytes());
        self.0.insert(Purpose::Call { member: 0, reply, list: None, leg: Leg::Plain });
        own
    }

    /// The client's token for that of a call under way.
    pub fn restore(&mut self, own: u64) -> Option<String> {
        let token = self.0.touch(own)?.token()?;
        Some(String::from_utf8_lossy(token).into_owned())
    }

    /// The call is over.
    pub fn end(&mut self, own: u64) {
        drop(self.0.remove(own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_from_the_beginning_of_its_call_to_the_end() {
        let mut tokens = ProgressTokens::default();
        let (first, second) = (tokens.begin("0"), tokens.begin("\"0\""));
        assert_ne!(first, second);
        assert_eq!(tokens.restore(first).as_deref(), Some("0"));
        assert_eq!(tokens.restore(second).as_deref(), Some("\"0\""));
        tokens.end(first);
        assert_eq!((tokens.restore(first), tokens.restore(7)), (None, None));
        assert_ne!(tokens.begin("0"), first, "none is given twice");
    }
}
