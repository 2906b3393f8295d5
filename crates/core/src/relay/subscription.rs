//! Which clients want updates of which resources, as a pure state machine.
//!
//! The upstream is subscribed once per resource, for all clients, and unsubscribed when the last
//! holder leaves. Per resource only one request is running at a time; wishes that change meanwhile
//! are handled after its answer.

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use crate::protocol::covers;

/// Most resources to which one client may be subscribed.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 1024;
/// Most bytes of their URIs.
const MAX_SUBSCRIBED_BYTES: usize = 1024 * 1024;

/// A client's connection to the shared upstream.
pub(crate) type Holder = u64;

/// What the caller must do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect<W> {
    /// Send `resources/subscribe` and report the answer.
    Subscribe,
    /// Send `resources/unsubscribe` and report the answer.
    Unsubscribe,
    /// Tell this waiter that its wish is fulfilled already.
    Fulfilled(W),
}

/// All resources that are wanted.
#[derive(Debug)]
pub(crate) struct Subscriptions<W> {
    resources: HashMap<Arc<str>, Resource<W>>,
    /// The same by holder, so that operations on one do not depend on the others.
    held: Holdings,
    /// How many answers each holder waits for.
    wishes: HashMap<Holder, usize>,
}

#[derive(Debug)]
struct Resource<W> {
    holders: BTreeSet<Holder>,
    phase: Phase,
    /// Wishes that the running request decides, and their holders.
    waiting: Vec<(Holder, W)>,
}

/// What each holder wants.
#[derive(Debug, Default)]
struct Holdings(HashMap<Holder, Held>);

#[derive(Debug, Default)]
struct Held {
    uris: HashSet<Arc<str>>,
    bytes: usize,
}

impl Holdings {
    fn add(&mut self, holder: Holder, uri: Arc<str>) {
        let held = self.0.entry(holder).or_default();
        let bytes = uri.len();
        if held.uris.insert(uri) {
            held.bytes += bytes;
        }
    }

    fn remove(&mut self, holder: Holder, uri: &str) {
        let Entry::Occupied(mut entry) = self.0.entry(holder) else { return };
        let held = entry.get_mut();
        if held.uris.remove(uri) {
            held.bytes -= uri.len();
        }
        if held.uris.is_empty() {
            entry.remove();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Subscribing,
    Subscribed,
    Unsubscribing,
    /// It was subscribed at an upstream that has ended.
    Lost,
    /// It is being subscribed at the successor.
    Renewing,
}

impl<W> Resource<W> {
    fn take_waiting(&mut self, wishes: &mut HashMap<Holder, usize>) -> Vec<W> {
        let settled = |(holder, waiter)| {
            if let Entry::Occupied(mut open) = wishes.entry(holder) {
                *open.get_mut() -= 1;
                if *open.get() == 0 {
                    open.remove();
                }
            }
            waiter
        };
        std::mem::take(&mut self.waiting).into_iter().map(settled).collect()
    }
}

impl<W> Default for Subscriptions<W> {
    fn default() -> Self {
        Self { resources: HashMap::new(), held: Holdings::default(), wishes: HashMap::new() }
    }
}

impl<W> Subscriptions<W> {
    /// `holder` wants updates of `uri`; `waiter` is told when that is so.
    pub(crate) fn want(&mut self, uri: &str, holder: Holder, waiter: W) -> Option<Effect<W>> {
        let uri: Arc<str> = match self.resources.get_key_value(uri) {
            Some((uri, _)) => Arc::clone(uri),
            None => uri.into(),
        };
        self.held.add(holder, Arc::clone(&uri));
        match self.resources.entry(uri) {
            Entry::Vacant(entry) => {
                entry.insert(Resource {
                    holders: BTreeSet::from([holder]),
                    phase: Phase::Subscribing,
                    waiting: vec![(holder, waiter)],
                });
                *self.wishes.entry(holder).or_default() += 1;
                Some(Effect::Subscribe)
            }
            Entry::Occupied(entry) => {
                let resource = entry.into_mut();
                resource.holders.insert(holder);
                if resource.phase == Phase::Subscribed {
                    return Some(Effect::Fulfilled(waiter));
                }
                resource.waiting.push((holder, waiter));
                *self.wishes.entry(holder).or_default() += 1;
                None
            }
        }
    }

    /// `holder` no longer wants updates of `uri`.
    pub(crate) fn release(&mut self, uri: &str, holder: Holder) -> Option<Effect<W>> {
        self.held.remove(holder, uri);
        self.let_go(uri, holder).then_some(Effect::Unsubscribe)
    }

    /// `holder` has disconnected: returns the resources to unsubscribe now.
    pub(crate) fn release_all(&mut self, holder: Holder) -> Vec<String> {
        let Some(held) = self.held.0.remove(&holder) else { return Vec::new() };
        let gone = held.uris.into_iter().filter(|uri| self.let_go(uri, holder));
        let mut orphans: Vec<String> = gone.map(|uri| uri.to_string()).collect();
        orphans.sort_unstable();
        orphans
    }

    /// `holder` has disconnected: removes its wishes, whose waiters need no answer.
    pub(crate) fn forget(&mut self, holder: Holder) -> Vec<W> {
        if self.wishes.remove(&holder).is_none() {
            return Vec::new();
        }
        let all = self.resources.values_mut();
        let own = all.flat_map(|resource| resource.waiting.extract_if(.., |(by, _)| *by == holder));
        own.map(|(_, waiter)| waiter).collect()
    }

    /// Removes a holder from a resource; returns whether it must be unsubscribed now.
    fn let_go(&mut self, uri: &str, holder: Holder) -> bool {
        let Some(resource) = self.resources.get_mut(uri) else { return false };
        let last = resource.holders.remove(&holder) && resource.holders.is_empty();
        if !last || resource.phase != Phase::Subscribed {
            return false;
        }
        resource.phase = Phase::Unsubscribing;
        true
    }

    /// The resource has no holder any more.
    fn remove(&mut self, uri: &str) {
        let Some(resource) = self.resources.remove(uri) else { return };
        for holder in resource.holders {
            self.held.remove(holder, uri);
        }
    }

    /// The upstream has answered: returns who waited for it, and what to do next.
    pub(crate) fn answered(&mut self, uri: &str, accepted: bool) -> (Vec<W>, Option<Effect<W>>) {
        let Some(resource) = self.resources.get_mut(uri) else { return (Vec::new(), None) };
        match resource.phase {
            Phase::Unsubscribing if resource.holders.is_empty() => {
                self.remove(uri);
                (Vec::new(), None)
            }
            Phase::Unsubscribing => {
                resource.phase = Phase::Subscribing;
                (Vec::new(), Some(Effect::Subscribe))
            }
            Phase::Subscribing | Phase::Renewing if !accepted => {
                let waiting = resource.take_waiting(&mut self.wishes);
                self.remove(uri);
                (waiting, None)
            }
            Phase::Subscribing | Phase::Subscribed | Phase::Lost | Phase::Renewing => {
                let waiting = resource.take_waiting(&mut self.wishes);
                resource.phase = Phase::Subscribed;
                if resource.holders.is_empty() {
                    resource.phase = Phase::Unsubscribing;
                    return (waiting, Some(Effect::Unsubscribe));
                }
                (waiting, None)
            }
        }
    }

    /// The upstream has ended: waiters get no answer and hold nothing; confirmed subscriptions are
    /// kept for [`Self::renew`].
    pub(crate) fn lost(&mut self) -> Vec<W> {
        let (mut waiting, held) = (Vec::new(), &mut self.held);
        self.resources.retain(|uri, resource| {
            waiting.extend(resource.take_waiting(&mut self.wishes));
            let confirmed =
                matches!(resource.phase, Phase::Subscribed | Phase::Lost | Phase::Renewing);
            resource.phase = Phase::Lost;
            if !confirmed {
                resource.holders.iter().for_each(|holder| held.remove(*holder, uri));
            }
            confirmed && !resource.holders.is_empty()
        });
        waiting
    }

    /// There is a new upstream: returns the resources to subscribe.
    pub(crate) fn renew(&mut self) -> Vec<String> {
        self.resources.retain(|_, resource| !resource.holders.is_empty());
        for resource in self.resources.values_mut() {
            resource.phase = Phase::Renewing;
        }
        self.wanted()
    }

    /// Whether `holder` may have one more resource.
    pub(crate) fn has_room(&self, holder: Holder, uri: &str) -> bool {
        self.held.0.get(&holder).is_none_or(|held| {
            held.uris.len() < MAX_SUBSCRIPTIONS && held.bytes + uri.len() <= MAX_SUBSCRIBED_BYTES
        })
    }

    /// Whether `holder` wants updates of exactly this resource.
    pub(crate) fn is_held(&self, uri: &str, holder: Holder) -> bool {
        self.resources.get(uri).is_some_and(|resource| resource.holders.contains(&holder))
    }

    /// The resources that are wanted, or are being unsubscribed.
    pub(crate) fn wanted(&self) -> Vec<String> {
        self.resources.keys().map(ToString::to_string).collect()
    }

    /// All wishes end: returns who waited for an answer.
    pub(crate) fn end(self) -> Vec<W> {
        let all = self.resources.into_values().flat_map(|resource| resource.waiting);
        all.map(|(_, waiter)| waiter).collect()
    }

    /// Who wants updates of `uri`. An update may be for a part of a subscribed resource (MCP
    /// 2025-11-25, `ResourceUpdatedNotification`), so holders of its ancestors get it, too.
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
    fn what_a_holder_has_is_bounded_and_known_without_a_look_at_the_others() {
        let mut wants = Subscriptions::default();
        for number in 0..MAX_SUBSCRIPTIONS {
            assert!(wants.has_room(A, "x:"));
            wants.want(&format!("x:{number}"), A, ());
        }
        assert!(!wants.has_room(A, "x:") && wants.has_room(B, "x:"));
        wants.release("x:7", A);
        assert!(wants.has_room(A, "x:") && !wants.is_held("x:7", A));
        // Refused, lost before they were confirmed, or given up: nothing of them remains.
        wants.answered("x:8", false);
        wants.answered("x:9", true);
        wants.lost();
        assert_eq!(wants.held.0[&A].uris.len(), 1);
        assert_eq!(wants.held.0[&A].bytes, "x:9".len());
        assert_eq!(wants.release_all(A), [""; 0]);
        assert!(wants.held.0.is_empty());
        let long = "x".repeat(MAX_SUBSCRIBED_BYTES - 1);
        wants.want(&long, B, ());
        wants.want(&long, B, ());
        assert!(wants.has_room(B, "y") && !wants.has_room(B, "yy"));
    }

    #[test]
    fn updates_of_parts_reach_the_holders_of_the_whole() {
        let mut wants = Subscriptions::default();
        wants.want("file:///dir", A, ());
        assert_eq!(wants.holders("file:///dir/one"), [A]);
        assert_eq!(wants.holders("file:///directory"), [0; 0]);
    }
}
