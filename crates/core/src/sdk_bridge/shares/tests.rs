use super::*;
use crate::relay::MAX_SUBSCRIPTIONS;

const NOW: Duration = Duration::from_hours(1);
const CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"resources":{"subscribe":true}}"#;

fn legacy() -> Shares {
    let mut shares = Shares::default();
    assert_eq!(shares.meet(None), []);
    shares
}

fn lease(shares: &mut Shares) -> LeaseId {
    shares.attach().0
}

fn open(stream: u64, uris: &str) -> ShareEffect {
    let lists = r#""toolsListChanged":true"#;
    ShareEffect::Open(stream, format!(r#"{{"notifications":{{{lists}{uris}}}}}"#))
}

fn subscribed() -> (Shares, LeaseId) {
    let mut shares = legacy();
    let holder = lease(&mut shares);
    assert_eq!(shares.want(holder, "x:a", 1), [ShareEffect::Subscribe("x:a".to_owned())]);
    assert_eq!(shares.answered("x:a", true), [ShareEffect::Grant(1)]);
    (shares, holder)
}

#[test]
fn a_resource_is_subscribed_to_once_and_given_up_with_its_last_holder() {
    let (mut shares, first) = subscribed();
    let second = lease(&mut shares);
    assert_eq!(shares.want(second, "x:a", 2), [ShareEffect::Grant(2)]);
    assert_eq!(shares.unwant(first, "x:a", 3), [ShareEffect::Grant(3)]);
    assert!(shares.holds(second, "x:a") && !shares.holds(first, "x:a"));
    assert_eq!(shares.unwant(second, "x:a", 4), [ShareEffect::Unsubscribe("x:a".to_owned())]);
    assert_eq!(shares.answered("x:a", true), [ShareEffect::Grant(4)]);
}

#[test]
fn a_refusal_is_the_upstreams_own_and_leaves_nothing_behind() {
    let mut shares = legacy();
    let holder = lease(&mut shares);
    shares.want(holder, "x:a", 1);
    assert_eq!(shares.answered("x:a", false), [ShareEffect::Refuse(1, None)]);
    assert!(!shares.holds(holder, "x:a"));
    assert_eq!(shares.unwant(holder, "x:a", 2), [ShareEffect::Grant(2)]);
}

#[test]
fn who_leaves_and_who_comes_at_once_do_not_miss_each_other() {
    let (mut shares, leaving) = subscribed();
    let arriving = lease(&mut shares);
    assert_eq!(shares.detach(leaving), [ShareEffect::Unsubscribe("x:a".to_owned())]);
    assert_eq!(shares.want(arriving, "x:a", 2), []);
    let uri = "x:a".to_owned();
    assert_eq!(shares.answered("x:a", true), [ShareEffect::Subscribe(uri)]);
    assert_eq!(shares.answered("x:a", true), [ShareEffect::Grant(2)]);
}

#[test]
fn who_has_gone_gets_no_subscription() {
    let mut shares = legacy();
    let gone = lease(&mut shares);
    shares.detach(gone);
    assert_eq!(shares.want(gone, "x:a", 1), [ShareEffect::Grant(1)]);
}

#[test]
fn a_lease_holds_a_bounded_number_of_resources() {
    let mut shares = legacy();
    let holder = lease(&mut shares);
    for wish in 0..MAX_SUBSCRIPTIONS {
        shares.want(holder, &format!("x:{wish}"), 0);
    }
    let effects = shares.want(holder, "x:more", 1);
    assert!(matches!(&effects[..], [ShareEffect::Refuse(1, Some((-32603, _)))]), "{effects:?}");
}

#[test]
fn each_lease_hears_what_it_is_entitled_to() {
    let (mut shares, picky) = subscribed();
    let curious = lease(&mut shares);
    shares.set_level(picky, "error").unwrap();
    assert_eq!(shares.set_level(picky, "loud").unwrap_err().0, -32602);
    let hears = |lease, method: &str, level, uri| {
        shares.entitles(lease, &format!("notifications/{method}"), level, uri)
    };
    for (level, heard) in [("debug", false), ("error", true), ("emergency", true), ("odd", true)] {
        assert_eq!(hears(picky, "message", Some(level), None), heard, "{level}");
        assert!(hears(curious, "message", Some(level), None), "{level}");
    }
    for (uri, heard) in [("x:a", true), ("x:a/part", true), ("x:b", false)] {
        assert_eq!(hears(picky, "resources/updated", None, Some(uri)), heard, "{uri}");
        assert!(!hears(curious, "resources/updated", None, Some(uri)), "{uri}");
    }
    assert!(hears(curious, "tools/list_changed", None, None));
    assert!(hears(curious, "vendor/news", None, None));
    assert!(!hears(curious, "tasks/status", None, None));
    assert!(!hears(7, "tools/list_changed", None, None), "there is no such lease");
}

fn listening() -> (Shares, LeaseId) {
    let mut shares = Shares::default();
    assert_eq!(shares.meet(Some(CAPABILITIES)), []);
    let (holder, effects) = shares.attach();
    assert_eq!(effects, [open(1, "")]);
    assert_eq!(shares.attach().1, [], "one stream is for all");
    assert_eq!(shares.opened(1, Some(Vec::new()), NOW), []);
    (shares, holder)
}

#[test]
fn a_server_of_2026_is_listened_to_on_one_stream() {
    let (mut shares, holder) = listening();
    let with_uri = open(2, r#","resourceSubscriptions":["x:a"]"#);
    assert_eq!(shares.want(holder, "x:a", 1), [with_uri]);
    assert_eq!(shares.opened(2, None, NOW), [ShareEffect::Close(1), ShareEffect::Grant(1)]);
    assert_eq!(shares.unwant(holder, "x:a", 2), [open(3, "")]);
    assert_eq!(shares.opened(3, None, NOW), [ShareEffect::Close(2), ShareEffect::Grant(2)]);
    assert_eq!(shares.ended(2, ListenEnd::Local, NOW), [], "it was closed");
}

#[test]
fn what_a_stream_does_not_carry_is_refused() {
    let (mut shares, holder) = listening();
    shares.want(holder, "x:a", 1);
    let effects = shares.opened(2, Some(Vec::new()), NOW);
    let [ShareEffect::Close(1), ShareEffect::Refuse(1, Some((-32602, message)))] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert!(message.contains("x:a"));
}

#[test]
fn a_stream_that_was_not_begun_refuses_for_its_own_reason() {
    let (mut shares, holder) = listening();
    shares.want(holder, "x:a", 1);
    let end = ListenEnd::Failed(Some(-32602));
    assert_eq!(shares.ended(2, end, NOW), [ShareEffect::Refuse(1, None)]);
    assert!(!shares.holds(holder, "x:a"));
}

#[test]
fn a_stream_that_broke_is_opened_again_and_one_that_was_ended_is_not() {
    let (mut shares, _) = listening();
    let pause = ShareEffect::RetryAfter(Duration::from_millis(250));
    assert_eq!(shares.ended(1, ListenEnd::Failed(None), NOW), [pause]);
    assert_eq!(shares.retry(true), [], "there is a pause first");
    assert_eq!(shares.rested(false), [], "there is no connection");
    assert_eq!(shares.retry(true), [open(2, "")]);
    assert_eq!(shares.retry(true), [], "it is on its way");
    shares.opened(2, None, NOW);
    assert_eq!(shares.ended(2, ListenEnd::Graceful, NOW), []);
    assert_eq!(shares.retry(true), []);
    assert_eq!(shares.attach().1, [open(3, "")]);
}

#[test]
fn closing_ends_every_stream_and_nobody_waits() {
    let (mut shares, holder) = listening();
    shares.want(holder, "x:a", 1);
    let effects = shares.close();
    assert_eq!(effects, [ShareEffect::Close(1), ShareEffect::Close(2), ShareEffect::Grant(1)],);
    assert_eq!(shares.ended(1, ListenEnd::Failed(None), NOW), []);
    assert_eq!((shares.rested(true), shares.detach(holder)), (vec![], vec![]));
    assert_ne!(shares.attach().0, holder, "no number is given twice");
}
