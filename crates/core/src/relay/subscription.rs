//! Who wants updates of which resource, as a pure state machine.
//!
//! The upstream is subscribed once per resource, whoever asks; it is unsubscribed when the last
//! holder lets go. Per resource one request is under way at a time, and a wish that changes
//! meanwhile is settled when the answer is there.

use std::collections::{HashMap, hash_map::Entry};

/// A connection of the shared upstream.
pub(crate) type Holder = u64;

/// What has to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect<W> {
    /// Send `resources/subscribe` and report the answer.
    Subscribe,
    /// Send `resources/unsubscribe` and report the answer.
    Unsubscribe,
    /// The wish of this waiter is fulfilled already.
    Fulfilled(W),
}

/// All resources somebody wants.
#[derive(Debug)]
pub(crate) struct Subscriptions<W> {
    resources: HashMap<String, Resource<W>>,
}

#[derive(Debug)]
struct Resource<W> {
    holders: Vec<Holder>,
    phase: Phase,
    /// Wishes that the answer under way will settle.
    waiting: Vec<W>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Subscribing,
    Subscribed,
    Unsubscribing,
}

impl<W> Default for Subscriptions<W> {
    fn default() -> Self {
        Self { resources: HashMap::new() }
    }
}

impl<W> Subscriptions<W> {
    /// `holder` wants updates of `uri`; `waiter` is told when it gets them.
    pub(crate) fn want(&mut self, uri: &str, holder: Holder, waiter: W) -> Option<Effect<W>> {
        match self.resources.entry(uri.to_owned()) {
            Entry::Vacant(entry) => {
                let waiting = vec![waiter];
                entry.insert(Resource {
                    holders: vec![holder],
                    phase: Phase::Subscribing,
                    waiting,
                });
                Some(Effect::Subscribe)
            }
            Entry::Occupied(entry) => {
                let resource = entry.into_mut();
                if !resource.holders.contains(&holder) {
                    resource.holders.push(holder);
                }
                if resource.phase == Phase::Subscribed {
                    return Some(Effect::Fulfilled(waiter));
                }
                resource.waiting.push(waiter);
                None
            }
        }
    }

    /// `holder` no longer wants updates of `uri`.
    pub(crate) fn release(&mut self, uri: &str, holder: Holder) -> Option<Effect<W>> {
        let resource = self.resources.get_mut(uri)?;
        let held = resource.holders.len();
        resource.holders.retain(|other| *other != holder);
        let last = held > 0 && resource.holders.is_empty();
        if last && resource.phase == Phase::Subscribed {
            resource.phase = Phase::Unsubscribing;
            return Some(Effect::Unsubscribe);
        }
        None
    }

    /// `holder` has gone: the resources that have to be unsubscribed now.
    pub(crate) fn release_all(&mut self, holder: Holder) -> Vec<String> {
        let mut orphans = Vec::new();
        for (uri, resource) in &mut self.resources {
            let held = resource.holders.len();
            resource.holders.retain(|other| *other != holder);
            let last = held > 0 && resource.holders.is_empty();
            if last && resource.phase == Phase::Subscribed {
                resource.phase = Phase::Unsubscribing;
                orphans.push(uri.clone());
            }
        }
        orphans
    }

    /// The upstream has answered: who was waiting for it, and what comes next.
    pub(crate) fn answered(&mut self, uri: &str, accepted: bool) -> (Vec<W>, Option<Effect<W>>) {
        let Some(resource) = self.resources.get_mut(uri) else { return (Vec::new(), None) };
        match resource.phase {
            Phase::Unsubscribing if resource.holders.is_empty() => {
                self.resources.remove(uri);
                (Vec::new(), None)
            }
            Phase::Unsubscribing => {
                resource.phase = Phase::Subscribing;
                (Vec::new(), Some(Effect::Subscribe))
            }
            Phase::Subscribing if !accepted => {
                let waiting = std::mem::take(&mut resource.waiting);
                self.resources.remove(uri);
                (waiting, None)
            }
            Phase::Subscribing | Phase::Subscribed => {
                let waiting = std::mem::take(&mut resource.waiting);
                resource.phase = Phase::Subscribed;
                if resource.holders.is_empty() {
                    resource.phase = Phase::Unsubscribing;
                    return (waiting, Some(Effect::Unsubscribe));
                }
                (waiting, None)
            }
        }
    }

    /// Everybody who was waiting for an answer that will not come.
    pub(crate) fn into_waiting(self) -> impl Iterator<Item = W> {
        self.resources.into_values().flat_map(|resource| resource.waiting)
    }

    /// How many resources `holder` wants.
    pub(crate) fn count(&self, holder: Holder) -> usize {
        self.resources.values().filter(|resource| resource.holders.contains(&holder)).count()
    }

    /// Who wants updates of `uri`. An update may be for a part of a subscribed resource (MCP
    /// 2025-11-25, `ResourceUpdatedNotification`), so holders of its ancestors want it too.
    pub(crate) fn holders(&self, uri: &str) -> Vec<Holder> {
        let covering = self.resources.iter().filter(|(wanted, _)| covers(wanted, uri));
        covering.flat_map(|(_, resource)| resource.holders.iter().copied()).collect()
    }
}

fn covers(wanted: &str, updated: &str) -> bool {
    updated.strip_prefix(wanted).is_some_and(|rest| {
        rest.is_empty() || wanted.ends_with('/') || rest.starts_with(['/', '?', '#'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Holder = 1;
    const B: Holder = 2;

    #[test]
    fn the_upstream_is_subscribed_once_and_unsubscribed_after_the_last_holder() {
        let mut wants = Subscriptions::default();
        assert_eq!(wants.want("x:a", A, "a"), Some(Effect::Subscribe));
        assert_eq!(wants.want("x:a", B, "b"), None);
        assert_eq!(wants.answered("x:a", true), (vec!["a", "b"], None));
        assert_eq!(wants.want("x:a", B, "again"), Some(Effect::Fulfilled("again")));
        assert_eq!(wants.release("x:a", A), None);
        assert_eq!(wants.holders("x:a"), [B]);
        assert_eq!(wants.release("x:a", B), Some(Effect::Unsubscribe));
        assert_eq!(wants.answered("x:a", true), (vec![], None));
        assert_eq!(wants.want("x:a", A, "anew"), Some(Effect::Subscribe));
    }

    #[test]
    fn a_refused_subscription_is_not_recorded() {
        let mut wants = Subscriptions::default();
        wants.want("x:a", A, "a");
        wants.want("x:a", B, "b");
        assert_eq!(wants.answered("x:a", false), (vec!["a", "b"], None));
        assert_eq!(wants.holders("x:a"), [0; 0]);
        assert_eq!(wants.want("x:a", A, "a"), Some(Effect::Subscribe));
    }

    #[test]
    fn a_holder_that_leaves_before_the_answer_is_unsubscribed_after_it() {
        let mut wants = Subscriptions::default();
        wants.want("x:a", A, "a");
        assert_eq!(wants.release_all(A), [""; 0]);
        assert_eq!(wants.answered("x:a", true), (vec!["a"], Some(Effect::Unsubscribe)));
    }

    #[test]
    fn a_wish_during_an_unsubscription_subscribes_again() {
        let mut wants = Subscriptions::default();
        wants.want("x:a", A, "a");
        wants.answered("x:a", true);
        assert_eq!(wants.release_all(A), ["x:a"]);
        assert_eq!(wants.want("x:a", B, "b"), None);
        assert_eq!(wants.answered("x:a", true), (vec![], Some(Effect::Subscribe)));
        assert_eq!(wants.answered("x:a", true), (vec!["b"], None));
        assert_eq!(wants.holders("x:a"), [B]);
    }

    #[test]
    fn updates_of_parts_reach_the_holders_of_the_whole() {
        let mut wants = Subscriptions::default();
        wants.want("file:///dir", A, ());
        assert_eq!(wants.holders("file:///dir/one"), [A]);
        assert_eq!(wants.holders("file:///directory"), [0; 0]);
    }
}
