//! Progress tokens of clients' calls that another library sends.

use std::collections::HashMap;

use crate::relay::Unguessable;

/// Running calls, by their tokens at the upstream. Those are far from the ids of messages, which
/// the SDKs use as their own tokens.
#[derive(Debug, Default)]
pub struct ProgressTokens {
    numbers: Unguessable,
    /// The clients' raw tokens.
    begun: HashMap<u64, String>,
}

impl ProgressTokens {
    /// The token at the upstream for this raw token.
    pub fn begin(&mut self, token: &str) -> u64 {
        let begun = &self.begun;
        let own = self.numbers.draw(|number| begun.contains_key(&number));
        self.begun.insert(own, token.to_owned());
        own
    }

    /// The client's token for that of a running call.
    pub fn restore(&self, own: u64) -> Option<&str> {
        self.begun.get(&own).map(String::as_str)
    }

    /// The call has ended.
    pub fn end(&mut self, own: u64) {
        self.begun.remove(&own);
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
        assert_eq!(tokens.restore(first), Some("0"));
        assert_eq!(tokens.restore(second), Some("\"0\""));
        tokens.end(first);
        assert_eq!((tokens.restore(first), tokens.restore(7)), (None, None));
        assert_ne!(tokens.begin("0"), first, "none is given twice");
    }
}
