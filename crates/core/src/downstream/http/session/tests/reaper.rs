use std::time::Duration;

use tokio::time::{advance, sleep};

use super::*;

const IDLE: Duration = Duration::from_mins(30);
/// The reaper checks once a minute.
const LOOK: Duration = Duration::from_mins(1);

fn reaped(sessions: usize) -> (Arc<Registry>, Vec<Arc<Session>>) {
    let registry = Arc::new(Registry::default());
    let sessions: Vec<_> = (0..sessions)
        .map(|_| registry.create(Identity::default(), Events::Forgotten, None))
        .collect();
    for session in &sessions {
        registry.insert(Arc::clone(session), Seats::new(None).take(1).unwrap());
    }
    tokio::spawn(reap(Arc::clone(&registry), IDLE));
    (registry, sessions)
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_is_closed_after_its_time_and_not_before() {
    let (registry, sessions) = reaped(1);
    sleep(IDLE).await;
    assert!(!sessions[0].has_ended());
    sleep(2 * LOOK).await;
    assert!(sessions[0].has_ended());
    assert!(registry.attach(&sessions[0].id().to_string()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_session_in_use_is_never_idle() {
    let (registry, sessions) = reaped(2);
    let attachment = registry.attach(&sessions[0].id().to_string());
    sleep(10 * IDLE).await;
    assert!(!sessions[0].has_ended() && sessions[1].has_ended());
    drop(attachment);
    sleep(IDLE).await;
    assert!(!sessions[0].has_ended(), "its time begins when its use ends");
    sleep(2 * LOOK).await;
    assert!(sessions[0].has_ended());
}

#[tokio::test(start_paused = true)]
async fn each_use_begins_the_time_anew() {
    let (registry, sessions) = reaped(1);
    for _ in 0..5 {
        sleep(IDLE.saturating_sub(LOOK)).await;
        assert!(registry.attach(&sessions[0].id().to_string()).is_some());
    }
    assert!(!sessions[0].has_ended());
}

#[tokio::test(start_paused = true)]
async fn a_short_time_is_kept_too() {
    let registry = Arc::new(Registry::default());
    let session = registry.create(Identity::default(), Events::Forgotten, None);
    registry.insert(Arc::clone(&session), Seats::new(None).take(1).unwrap());
    tokio::spawn(reap(Arc::clone(&registry), Duration::from_millis(5)));
    sleep(Duration::from_millis(20)).await;
    assert!(session.has_ended());
}

#[tokio::test(start_paused = true)]
async fn a_session_is_closed_by_whoever_removed_it() {
    let (registry, sessions) = reaped(1);
    let ending = registry.ending(&sessions[0]);
    ending();
    assert!(sessions[0].has_ended());
    assert!(registry.remove(sessions[0].id()).is_none());
    ending();
    advance(2 * IDLE).await;
    assert_eq!(registry.held().sessions, 0);
}
