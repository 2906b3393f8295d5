//! The scripts at a real store, against the rules that the simulation follows.

#![expect(clippy::print_stderr, reason = "says why it is skipped")]

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use uuid::Uuid;

use super::{
    Entry, Keys, Logged,
    connection::Connection,
    scripts::{Bounds, Scripts},
};
use crate::cluster::{
    directory::{self, Held, Lease},
    replica::ReplicaId,
};

struct Redis {
    child: Child,
    _directory: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn redis() -> Option<(Redis, Connection)> {
    let directory = tempfile::tempdir().unwrap();
    let child = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
        .current_dir(directory.path())
        .stdout(Stdio::null())
        .spawn();
    let Ok(child) = child else {
        eprintln!("skipped: there is no redis-server here (apt-get install redis-server)");
        return None;
    };
    let url = format!("redis+unix://{}/redis.sock", directory.path().display());
    let redis = Redis { child, _directory: directory };
    let config = ConnectionManagerConfig::new().set_min_delay(Duration::from_millis(5));
    loop {
        let client = redis::Client::open(url.as_str()).unwrap();
        if let Ok(manager) = ConnectionManager::new_with_config(client, config.clone()).await {
            return Some((redis, Connection::One(manager)));
        }
    }
}

fn random(state: &mut u64, bound: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 33) % bound
}

#[tokio::test]
async fn the_scripts_do_what_the_rules_say() {
    let Some((_redis, connection)) = redis().await else { return };
    let (scripts, keys) = (Scripts::default(), Keys("t".to_owned()));
    let bounds = Bounds { kept_millis: 60_000, events: 10, bytes: 1000 };
    let mut state = 0x1234_5678_9abc_def1;
    for _ in 0..20 {
        let (id, mut record) = (Uuid::new_v4(), None);
        let mut known = vec![Lease { owner: ReplicaId([1; 8]), epoch: 5 }];
        for _ in 0..40 {
            let seen = known[usize::try_from(random(&mut state, known.len() as u64)).unwrap()];
            if random(&mut state, 2) == 0 {
                let entry = Entry::founded(id, seen.epoch, "founding".into());
                let entries = [entry];
                let holding = scripts.hold(&connection, &keys, seen.owner, &entries, bounds);
                let (expected, held) = directory::hold(record, seen);
                assert_eq!(holding.await.unwrap(), Some(held));
                record = Some(expected);
            } else {
                let by = ReplicaId([u8::try_from(random(&mut state, 4)).unwrap() + 1; 8]);
                let got = scripts.take(&connection, &keys, id, seen, by).await.unwrap();
                let expected = directory::take(record, seen, by, 0).ok();
                assert_eq!(got.map(|got| got.owner), expected.map(|expected| expected.owner));
                assert!(got.map(|got| got.epoch) >= expected.map(|expected| expected.epoch));
                let founding = scripts.founding(&connection, &keys, id).await.unwrap();
                assert!(got.is_none() || founding == b"founding");
                record = got.or(record);
                known.extend(got);
            }
            let told = scripts.record(&connection, &keys, id).await.unwrap();
            assert_eq!(told.map(|told| told.lease), record);
        }
        assert!(matches!(directory::hold(record, known[0]).1, Held::Kept | Held::Fenced(_)));
    }
}

fn event(stream: u64, number: u64, bytes: usize) -> Logged {
    let frame = crate::jsonrpc::Frame::Whole("x".repeat(bytes).into());
    Logged::Event { id: crate::codec::event_stream::EventId { stream, number }, frame }
}

/// An owner with a session, and what it writes.
struct Owner {
    connection: Connection,
    scripts: Scripts,
    keys: Keys,
    id: Uuid,
}

impl Owner {
    async fn write(&self, logged: Vec<Logged>, founding: bool, bounds: Bounds) -> Option<Held> {
        let entry = |logged| Entry {
            founding: founding.then(|| "founding".into()),
            ..Entry::logged(self.id, 5, logged)
        };
        let entries: Vec<Entry> = logged.into_iter().map(entry).collect();
        let own = ReplicaId([1; 8]);
        let holding = self.scripts.hold(&self.connection, &self.keys, own, &entries, bounds);
        holding.await.unwrap()
    }

    /// The numbers of the events that are kept, and the streams of the calls under way.
    async fn kept(&self) -> (Vec<u64>, Vec<u64>) {
        let logged = self.scripts.log(&self.connection, &self.keys, self.id).await.unwrap();
        let (mut events, mut calls) = (Vec::new(), Vec::new());
        for logged in logged {
            match logged {
                Logged::Event { id, .. } => events.push(id.number),
                Logged::Calls { stream, .. } => calls.push(stream),
                Logged::Answered { .. } | Logged::Delivered { .. } => {}
            }
        }
        calls.sort_unstable();
        (events, calls)
    }

    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut self.connection.clone()).await.unwrap()
    }
}

#[tokio::test]
async fn the_log_is_bounded_in_events_bytes_and_time_and_calls_under_way_stay() {
    let Some((_redis, connection)) = redis().await else { return };
    let id = Uuid::new_v4();
    let owner = Owner { connection, scripts: Scripts::default(), keys: Keys("t".to_owned()), id };
    let bounds = Bounds { kept_millis: 60_000, events: 10, bytes: 1000 };
    let call = |stream| Logged::Calls { stream, ids: vec!["7".into()] };
    owner.write(vec![call(1), call(2)], true, bounds).await;
    owner.write((0..25).map(|number| event(1, number, 10)).collect(), false, bounds).await;
    assert_eq!(owner.kept().await, ((15..25).collect(), vec![1, 2]));
    owner.write(vec![event(1, 25, 400), Logged::Answered { stream: 2 }], false, bounds).await;
    assert_eq!(owner.kept().await, ((16..26).collect(), vec![1]));
    owner.write(vec![event(1, 26, 595)], false, bounds).await;
    assert_eq!(owner.kept().await.0, [25, 26], "not more than 1,000 bytes");
    owner.write(vec![event(1, 27, 5000)], false, bounds).await;
    assert_eq!(owner.kept().await.0, [27], "the newest one stays");
    let bytes: String = owner.ask(&["HGET", &owner.keys.session(id), "b"]).await;
    assert_eq!(bytes, "1 5000");
}

#[tokio::test]
async fn events_that_are_stored_together_are_counted_one_by_one() {
    let Some((_redis, connection)) = redis().await else { return };
    let id = Uuid::new_v4();
    let owner = Owner { connection, scripts: Scripts::default(), keys: Keys("t".to_owned()), id };
    let bounds = Bounds { kept_millis: 60_000, events: 160, bytes: 10_000 };
    let some = |range: std::ops::Range<u64>| range.map(|number| event(1, number, 10)).collect();
    owner.write(some(0..100), true, bounds).await;
    assert_eq!(owner.kept().await.0, (0..100).collect::<Vec<_>>());
    assert_eq!(owner.ask::<u64>(&["LLEN", &owner.keys.log(id)]).await, 2 * 10);
    owner.write(some(100..195), false, bounds).await;
    // The oldest ten are dropped together as soon as enough others are left.
    assert_eq!(owner.kept().await.0, (30..195).collect::<Vec<_>>());
    let count = async || owner.ask::<String>(&["HGET", &owner.keys.session(id), "b"]).await;
    assert_eq!(count().await, "165 1650");
    owner.write(vec![Logged::Delivered { stream: 1 }, event(2, 195, 9_999)], false, bounds).await;
    assert_eq!(owner.kept().await.0, [195], "too many bytes for the five before it");
    assert_eq!(count().await, "1 9999");
}

#[tokio::test]
async fn what_was_delivered_is_no_longer_kept() {
    let Some((_redis, connection)) = redis().await else { return };
    let id = Uuid::new_v4();
    let owner = Owner { connection, scripts: Scripts::default(), keys: Keys("t".to_owned()), id };
    let bounds = Bounds { kept_millis: 60_000, events: 10, bytes: 1000 };
    owner.write(vec![event(1, 0, 20), event(10, 1, 30), event(1, 2, 40)], true, bounds).await;
    owner.write(vec![Logged::Delivered { stream: 1 }, event(2, 3, 5)], false, bounds).await;
    assert_eq!(owner.kept().await.0, [1, 3]);
    let bytes: String = owner.ask(&["HGET", &owner.keys.session(id), "b"]).await;
    assert_eq!(bytes, "2 35");
    owner.write(vec![Logged::Delivered { stream: 10 }], false, bounds).await;
    owner.write(vec![Logged::Delivered { stream: 2 }], false, bounds).await;
    let counted: bool = owner.ask(&["HEXISTS", &owner.keys.session(id), "b"]).await;
    assert!(!counted, "there is nothing to count");
}

#[tokio::test]
async fn what_is_older_than_sessions_are_kept_for_goes_with_the_next_founding() {
    let Some((_redis, connection)) = redis().await else { return };
    let id = Uuid::new_v4();
    let owner = Owner { connection, scripts: Scripts::default(), keys: Keys("t".to_owned()), id };
    let bounds = Bounds { kept_millis: 60_000, events: 10, bytes: 1000 };
    let log = owner.keys.log(id);
    let _: i64 = owner.ask(&["RPUSH", &log, "1_0*3@1000", "old"]).await;
    let written = owner.write(vec![event(1, 1, 5)], false, bounds).await;
    assert_eq!(written, None, "the store does not know the session");
    owner.write(vec![event(1, 2, 5)], true, bounds).await;
    assert_eq!(owner.kept().await.0, [2]);
}

#[tokio::test]
async fn an_event_takes_its_bytes_and_little_more() {
    let Some((_redis, connection)) = redis().await else { return };
    let id = Uuid::new_v4();
    let owner = Owner { connection, scripts: Scripts::default(), keys: Keys("t".to_owned()), id };
    let bounds = Bounds { kept_millis: 60_000, events: 10_000, bytes: 100_000_000 };
    for bytes in [40, 200, 3000] {
        let before: Option<i64> =
            owner.ask(&["MEMORY", "USAGE", &owner.keys.log(id), "SAMPLES", "0"]).await;
        let events = (0..1000).map(|number| event(1, number, bytes)).collect();
        owner.write(events, true, bounds).await;
        let after: i64 = owner.ask(&["MEMORY", "USAGE", &owner.keys.log(id), "SAMPLES", "0"]).await;
        let each = (after - before.unwrap_or_default()) / 1000;
        eprintln!("an event of {bytes} bytes takes {each}");
        // The store's allocator rounds large ones up, by an eighth at most.
        let rounding = if bytes < 1024 { 0 } else { bytes / 8 };
        assert!(each <= i64::try_from(bytes + rounding + 100).unwrap(), "{bytes}: {each}");
    }
}

#[tokio::test]
async fn a_session_is_stored_whole_and_takes_little_more_than_its_bytes() {
    let Some((_redis, connection)) = redis().await else { return };
    let id = Uuid::new_v4();
    let owner = Owner { connection, scripts: Scripts::default(), keys: Keys("t".to_owned()), id };
    let bounds = Bounds { kept_millis: 60_000, events: 10, bytes: 1000 };
    let (connection, keys) = (&owner.connection, &owner.keys);
    for length in [1, 63, 64, 360, 1024, 65, 1025, 9000, 128, 64, 1] {
        let founding: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let entry = Entry::founded(id, 5, founding.clone().into());
        let own = ReplicaId([1; 8]);
        let held = owner.scripts.hold(connection, keys, own, &[entry], bounds).await.unwrap();
        assert_eq!(held, Some(Held::Kept));
        assert_eq!(owner.scripts.founding(connection, keys, id).await.unwrap(), founding);
        if length == 360 {
            let takes: usize = owner.ask(&["MEMORY", "USAGE", &keys.session(id)]).await;
            assert!(takes < length + 256, "{takes}");
        }
    }
}

#[tokio::test]
async fn what_callers_use_up_is_summed_over_replicas_and_runs_off() {
    let Some((_redis, connection)) = redis().await else { return };
    let (scripts, keys) = (Scripts::default(), Keys("t".to_owned()));
    let spend = async |rate, millis| {
        scripts.spend(&connection, &keys, rate, Duration::from_millis(millis)).await.unwrap()
    };
    let close = |got: Duration, expected: u64| {
        let expected = Duration::from_millis(expected);
        assert!(got <= expected && got + Duration::from_secs(2) > expected, "{got:?}");
    };
    close(spend(1, 20_000).await, 20_000);
    close(spend(1, 40_000).await, 60_000);
    close(spend(2, 5_000).await, 5_000);
    let left: i64 =
        redis::cmd("PTTL").arg(keys.rate(1)).query_async(&mut connection.clone()).await.unwrap();
    assert!((1..=60_001).contains(&left), "it is forgotten when it is paid for: {left}");
}
