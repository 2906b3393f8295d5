//! Who wants updates of which resource, as a pure state machine.
//!
//! The upstream is subscribed once per resource, whoever asks; it is unsubscribed when the last
//! holder lets go. Per resource one request is under way at a time, and a wish that changes
//! meanwhile is settled when the answer is there.

use std::collections::{HashMap, hash_map::Entry};

use crate::protocol::covers;

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
    /// Wishes that the answer under way will settle, and whose they are.
    waiting: Vec<(Holder, W)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Subscribing,
    Subscribed,
    Unsubscribing,
    /// Was subscribed with an upstream that has gone.
    Lost,
    /// Is being subscribed with its successor.
    Renewing,
}

impl<W> Resource<W> {
    fn take_waiting(&mut self) -> Vec<W> {
        std::mem::take(&mut self.waiting).into_iter().map(|(_, waiter)| waiter).collect()
    }
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
                let waiting = vec![(holder, waiter)];
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
                resource.waiting.push((holder, waiter));
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
        orphans.sort_unstable();
        orphans
    }

    /// `holder` has gone: its wishes that nobody has to be told of any more.
    pub(crate) fn forget(&mut self, holder: Holder) -> Vec<W> {
        let all = self.resources.values_mut();
        let own = all.flat_map(|resource| resource.waiting.extract_if(.., |(by, _)| *by == holder));
        own.map(|(_, waiter)| waiter).collect()
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
            Phase::Subscribing | Phase::Renewing if !accepted => {
                let waiting = resource.take_waiting();
                self.resources.remove(uri);
                (waiting, None)
            }
            Phase::Subscribing | Phase::Subscribed | Phase::Lost | Phase::Renewing => {
                let waiting = resource.take_waiting();
                resource.phase = Phase::Subscribed;
                if resource.holders.is_empty() {
                    resource.phase = Phase::Unsubscribing;
                    return (waiting, Some(Effect::Unsubscribe));
                }
                (waiting, None)
            }
        }
    }

    /// The upstream has gone: whoever waited for an answer will not get one and holds nothing;
    /// what was confirmed is kept for [`Self::renew`].
    pub(crate) fn lost(&mut self) -> Vec<W> {
        let mut waiting = Vec::new();
        self.resources.retain(|_, resource| {
            waiting.extend(resource.take_waiting());
            let confirmed =
                matches!(resource.phase, Phase::Subscribed | Phase::Lost | Phase::Renewing);
            resource.phase = Phase::Lost;
            confirmed && !resource.holders.is_empty()
        });
        waiting
    }

    /// There is a new upstream: the resources to subscribe with it.
    pub(crate) fn renew(&mut self) -> Vec<String> {
        self.resources.retain(|_, resource| !resource.holders.is_empty());
        for resource in self.resources.values_mut() {
            resource.phase = Phase::Renewing;
        }
        self.resources.keys().cloned().collect()
    }

    /// How many resources `holder` wants.
    pub(crate) fn count(&self, holder: Holder) -> usize {
        self.resources.values().filter(|resource| resource.holders.contains(&holder)).count()
    }

    /// Whether `holder` wants updates of exactly this resource.
    pub(crate) fn is_held(&self, uri: &str, holder: Holder) -> bool {
        self.resources.get(uri).is_some_and(|resource| resource.holders.contains(&holder))
    }

    /// The resources that somebody wants, or lets go of.
    pub(crate) fn wanted(&self) -> Vec<String> {
        self.resources.keys().cloned().collect()
    }

    /// Nobody wants anything any more: who was waiting for an answer.
    pub(crate) fn end(self) -> Vec<W> {
        self.resources.into_values().flat_map(|mut resource| resource.take_waiting()).collect()
    }

    /// Who wants updates of `uri`. An update may be for a part of a subscribed resource (MCP
    /// 2025-11-25, `ResourceUpdatedNotification`), so holders of its ancestors want it too.
    pub(crate) fn holders(&self, uri: &str) -> Vec<Holder> {
        let covering = self.resources.iter().filter(|(wanted, _)| covers(wanted, uri));
        covering.flat_map(|(_, resource)| resource.holders.iter().copied()).collect()
    }
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
    fn the_wishes_of_a_holder_that_has_gone_are_nobodys() {
        let mut wants = Subscriptions::default();
        wants.want("x:a", A, "a");
        wants.want("x:a", B, "b");
        wants.release_all(A);
        assert_eq!(wants.forget(A), ["a"]);
        assert_eq!(wants.answered("x:a", true), (vec!["b"], None));
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
    fn what_was_confirmed_is_subscribed_again_with_a_new_upstream() {
        let mut wants = Subscriptions::default();
        wants.want("x:kept", A, "kept");
        wants.answered("x:kept", true);
        wants.want("x:left", B, "left");
        wants.answered("x:left", true);
        wants.want("x:open", A, "open");
        assert_eq!(wants.lost(), ["open"]);
        assert_eq!(wants.release_all(B), [""; 0]);
        assert_eq!(wants.renew(), ["x:kept"]);
        assert_eq!(wants.want("x:kept", B, "late"), None);
        assert_eq!(wants.lost(), ["late"]);
        assert_eq!(wants.renew(), ["x:kept"]);
        assert_eq!(wants.answered("x:kept", true), (vec![], None));
        assert_eq!(wants.holders("x:kept"), [A, B]);
    }

    #[test]
    fn what_a_new_upstream_refuses_is_held_no_longer() {
        let mut wants = Subscriptions::default();
        wants.want("x:a", A, "a");
        wants.answered("x:a", true);
        wants.lost();
        wants.renew();
        assert_eq!(wants.answered("x:a", false), (vec![], None));
        assert_eq!(wants.holders("x:a"), [0; 0]);
    }

    #[test]
    fn updates_of_parts_reach_the_holders_of_the_whole() {
        let mut wants = Subscriptions::default();
        wants.want("file:///dir", A, ());
        assert_eq!(wants.holders("file:///dir/one"), [A]);
        assert_eq!(wants.holders("file:///directory"), [0; 0]);
    }
}
