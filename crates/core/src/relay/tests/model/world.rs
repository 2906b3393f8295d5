//! The proxy with everybody around it.

use std::collections::BTreeSet;

use super::{
    super::*,
    clients::{Called, Visitor, Wish},
};

/// See the module.
pub(super) struct World {
    pub(super) upstream: Upstream,
    pub(super) visitors: Vec<Visitor>,
    pub(super) calls: Vec<Called>,
    pub(super) wishes: Vec<Wish>,
    /// Ids that the upstream has seen; none may appear twice.
    pub(super) seen: BTreeSet<u64>,
    /// The proxy's own requests about resources that the upstream has not answered yet.
    pub(super) unanswered: Vec<(u64, String)>,
    /// The proxy's other requests, which the upstream never answers.
    pub(super) ignored: Vec<u64>,
    /// Cancellations that the upstream must get.
    pub(super) cancellations: BTreeSet<u64>,
    /// Its clock advances only when a step does that.
    pub(super) runtime: tokio::runtime::Runtime,
}

/// How long the upstream may be silent.
pub(super) const LIMITS: Limits = Limits { silence: Some(Duration::from_secs(10)), total: None };

impl World {
    pub(super) fn new(runtime: tokio::runtime::Runtime) -> Self {
        Self {
            upstream: Upstream::new(LIMITS),
            visitors: Vec::new(),
            calls: Vec::new(),
            wishes: Vec::new(),
            seen: BTreeSet::new(),
            unanswered: Vec::new(),
            ignored: Vec::new(),
            cancellations: BTreeSet::new(),
            runtime,
        }
    }

    /// The upstream reads what it was sent.
    pub(super) fn deliver(&mut self) {
        for sent in self.upstream.sent() {
            let id = sent["id"].as_u64();
            assert!(id.is_none_or(|id| self.seen.insert(id)), "an id was given twice: {sent}");
            match sent["method"].as_str().unwrap() {
                "tools/call" => {
                    let number: usize =
                        sent["params"]["number"].as_u64().unwrap().try_into().unwrap();
                    self.calls[number].arrives(id.unwrap(), &sent);
                }
                "notifications/cancelled" => {
                    let id = sent["params"]["requestId"].as_u64().unwrap();
                    assert!(self.cancellations.remove(&id), "nobody has cancelled {id}");
                }
                "resources/subscribe" | "resources/unsubscribe" => {
                    let uri = sent["params"]["uri"].as_str().unwrap().to_owned();
                    self.unanswered.push((id.unwrap(), uri));
                }
                "logging/setLevel" => self.ignored.push(id.unwrap()),
                other => panic!("nobody has sent {other}"),
            }
        }
        assert!(self.cancellations.is_empty(), "not told: {:?}", self.cancellations);
    }

    pub(super) fn check(&mut self) {
        self.deliver();
        for call in &mut self.calls {
            call.check();
        }
        for visitor in &mut self.visitors {
            visitor.check();
        }
        for wish in &mut self.wishes {
            wish.check(&mut self.visitors);
        }
    }
}
