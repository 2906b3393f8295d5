use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::{retries::FIRST_PAUSE, *};

const LISTS: Filter = Filter { tools: true, prompts: false, resources: true };
const NOW: Duration = Duration::from_hours(1);
const LIST_PARAMS: &str =
    r#""notifications":{"toolsListChanged":true,"resourcesListChanged":true}"#;

fn after(millis: u64) -> Duration {
    NOW + Duration::from_millis(millis)
}

fn open(params: &str) -> Effect {
    Effect::Open(params.to_owned())
}

fn settled(uri: &str, accepted: bool) -> Effect {
    Effect::Settled { uri: uri.to_owned(), accepted }
}

fn with_uris(uris: &str) -> Effect {
    let lists = LIST_PARAMS.strip_suffix('}').unwrap();
    Effect::Open(format!(r#"{lists},"resourceSubscriptions":[{uris}]}}"#))
}

fn uris(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// A stream without resources, opened as request 1.
fn listening() -> Listen {
    let mut listen = Listen::default();
    assert_eq!(listen.connected(LISTS, true), [open(LIST_PARAMS)]);
    listen.opened(1);
    assert_eq!(listen.acknowledged(1, &[], NOW), []);
    assert!(listen.is_current(1));
    listen
}

#[test]
fn nothing_is_opened_for_nobody() {
    let mut listen = Listen::default();
    assert_eq!(listen.connected(LISTS, false), []);
    assert_eq!(listen.attend(), [open(LIST_PARAMS)]);
    let mut silent = Listen::default();
    assert_eq!(silent.connected(Filter::default(), true), []);
    assert_eq!(silent.want("x:a"), [open(r#""notifications":{"resourceSubscriptions":["x:a"]}"#)]);
}

#[test]
fn another_set_of_resources_is_carried_by_another_stream() {
    let mut listen = listening();
    assert_eq!(listen.want("x:\"a"), [with_uris(r#""x:\"a""#)]);
    listen.opened(2);
    assert!(
        listen.is_current(1) && !listen.is_current(2),
        "the earlier one is still the current one"
    );
    assert_eq!(
        listen.acknowledged(2, &uris(&["x:\"a"]), NOW),
        [Effect::Close(1), settled("x:\"a", true)]
    );
    assert!(listen.is_current(2) && !listen.is_current(1));
    assert_eq!(listen.unwant("x:\"a"), [open(LIST_PARAMS)]);
    listen.opened(3);
    assert_eq!(listen.acknowledged(3, &[], NOW), [Effect::Close(2), settled("x:\"a", true)]);
}

#[test]
fn what_is_wanted_meanwhile_waits_for_the_next_stream() {
    let mut listen = listening();
    listen.want("x:a");
    listen.opened(2);
    assert_eq!(listen.want("x:b"), []);
    assert_eq!(
        listen.acknowledged(2, &uris(&["x:a"]), NOW),
        [Effect::Close(1), with_uris(r#""x:a","x:b""#)]
    );
    listen.opened(3);
    assert_eq!(
        listen.acknowledged(3, &uris(&["x:a", "x:b"]), NOW),
        [Effect::Close(2), settled("x:a", true), settled("x:b", true)]
    );
}

#[test]
fn what_is_carried_already_is_settled_at_once() {
    let mut listen = listening();
    listen.want("x:a");
    listen.opened(2);
    assert_eq!(listen.unwant("x:a"), []);
    assert_eq!(listen.want("x:a"), []);
    assert_eq!(
        listen.acknowledged(2, &uris(&["x:a"]), NOW),
        [Effect::Close(1), settled("x:a", true)]
    );
    assert_eq!(listen.want("x:a"), [settled("x:a", true)]);
}

#[test]
fn a_resource_that_the_server_leaves_out_is_refused() {
    let mut listen = listening();
    listen.want("x:a");
    listen.opened(2);
    assert_eq!(listen.acknowledged(2, &[], NOW), [Effect::Close(1), settled("x:a", false)]);
    assert!(listen.is_current(2), "and the stream goes on");
}

#[test]
fn a_stream_that_cannot_be_replaced_goes_on() {
    let mut listen = listening();
    listen.want("x:a");
    listen.opened(2);
    assert_eq!(listen.ended(2, Ending::Broken, NOW), [settled("x:a", false)]);
    assert!(listen.is_current(1));
    assert_eq!((listen.due(), listen.settle()), (None, vec![]));
}

#[test]
fn a_broken_stream_is_opened_again_with_growing_pauses() {
    let mut listen = listening();
    let mut now = after(29_999);
    let mut pauses = Vec::new();
    for id in 1..=7 {
        assert_eq!(listen.ended(id, Ending::Broken, now), []);
        let due = listen.due().unwrap();
        pauses.push(due.saturating_sub(now).as_millis());
        assert_eq!(listen.retry(due.saturating_sub(Duration::from_millis(1))), []);
        assert_eq!(listen.retry(due), [open(LIST_PARAMS)]);
        listen.opened(id + 1);
        now = due;
    }
    assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 60_000]);
    listen.ended(8, Ending::Broken, now);
    assert_eq!(listen.due(), Some(now + FIRST_PAUSE), "and then it starts over");
}

#[test]
fn a_stream_that_lived_starts_the_count_anew() {
    let mut listen = listening();
    for (id, millis) in [(1, 0), (2, 1000), (3, 31_000)] {
        listen.ended(id, Ending::Broken, after(millis));
        listen.retry(listen.due().unwrap());
        listen.opened(id + 1);
        listen.acknowledged(id + 1, &[], after(millis));
    }
    listen.ended(4, Ending::Broken, after(31_001));
    assert_eq!(listen.due(), Some(after(31_001) + FIRST_PAUSE * 2));
}

#[test]
fn a_stream_that_was_ended_on_purpose_stays_ended_until_somebody_comes_or_more_is_wanted() {
    let mut listen = listening();
    assert_eq!(listen.ended(1, Ending::Graceful, NOW), []);
    assert_eq!((listen.due(), listen.settle()), (None, vec![]));
    assert_eq!(listen.attend(), [open(LIST_PARAMS)]);
    let mut listen = listening();
    listen.ended(1, Ending::Graceful, NOW);
    assert_eq!(listen.want("x:a"), [with_uris(r#""x:a""#)]);
}

#[test]
fn a_stream_that_was_refused_is_asked_for_again_only_when_more_is_wanted() {
    let mut listen = listening();
    assert_eq!(listen.ended(1, Ending::Refused, NOW), []);
    assert_eq!((listen.due(), listen.attend()), (None, vec![]));
    assert_eq!(listen.want("x:a"), [with_uris(r#""x:a""#)]);
}

#[test]
fn messages_of_strange_streams_change_nothing() {
    let mut listen = listening();
    assert_eq!(listen.acknowledged(7, &[], NOW), []);
    assert_eq!(listen.ended(7, Ending::Broken, NOW), []);
    assert!(listen.is_current(1));
    listen.want("x:a");
    listen.opened(2);
    assert_eq!(listen.ended(1, Ending::Broken, NOW), [], "its successor is on the way");
    assert_eq!(listen.acknowledged(2, &uris(&["x:a"]), NOW), [settled("x:a", true)]);
}

#[test]
fn a_new_server_is_listened_to_anew() {
    let mut listen = listening();
    listen.want("x:a");
    listen.lost();
    assert!(!listen.is_current(1));
    assert_eq!(listen.connected(LISTS, false), [open(LIST_PARAMS)], "the audience has stayed");
}

/// A server that grants everything, and the notifications of its listeners.
#[derive(Default)]
struct Server {
    next: u64,
    asked: Vec<(u64, Vec<String>)>,
    open: BTreeSet<u64>,
    settled: Vec<String>,
}

impl Server {
    fn take(&mut self, listen: &mut Listen, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Open(_) => {
                    self.next += 1;
                    self.asked.push((self.next, listen.wanted.iter().cloned().collect()));
                    self.open.insert(self.next);
                    listen.opened(self.next);
                }
                Effect::Close(id) => assert!(self.open.remove(&id), "{id} is closed once"),
                Effect::Settled { uri, .. } => self.settled.push(uri),
            }
        }
    }

    fn acknowledge(&mut self, listen: &mut Listen) -> bool {
        let Some((id, uris)) = self.asked.pop() else { return false };
        let effects = listen.acknowledged(id, &uris, NOW);
        self.take(listen, effects);
        true
    }
}

proptest! {
    #[test]
    fn whatever_is_wanted_in_whichever_order_is_carried_in_the_end(
        steps in proptest::collection::vec((0_u8..4, any::<bool>(), 0_u8..4), 0..40),
    ) {
        let (mut listen, mut server) = (Listen::default(), Server::default());
        let effects = listen.connected(LISTS, true);
        server.take(&mut listen, effects);
        let mut wanted = BTreeSet::new();
        let mut asked = BTreeSet::new();
        for (name, wants, then) in steps {
            let uri = format!("x:{name}");
            asked.insert(uri.clone());
            let effects = if wants { listen.want(&uri) } else { listen.unwant(&uri) };
            server.take(&mut listen, effects);
            if wants { wanted.insert(uri) } else { wanted.remove(&uri) };
            match then {
                0 => {
                    server.acknowledge(&mut listen);
                }
                1 if server.asked.is_empty() => {
                    let id = server.next;
                    server.open.remove(&id);
                    let effects = listen.ended(id, Ending::Broken, NOW);
                    server.take(&mut listen, effects);
                    let effects = listen.retry(listen.due().unwrap_or(NOW));
                    server.take(&mut listen, effects);
                }
                _ => {}
            }
            prop_assert!(server.asked.len() <= 1 && server.open.len() <= 2);
        }
        while server.acknowledge(&mut listen) {}
        prop_assert_eq!(server.open.len(), 1, "one stream is left");
        prop_assert!(listen.is_current(server.next));
        prop_assert_eq!(&listen.wanted, &wanted);
        prop_assert!(listen.pending.is_empty(), "nobody waits");
        prop_assert!(asked.iter().all(|uri| server.settled.contains(uri)));
    }
}
