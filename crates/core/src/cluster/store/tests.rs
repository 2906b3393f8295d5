//! The scripts against the rules that the simulation goes by, at a real store.

#![expect(clippy::print_stderr, reason = "says why it is skipped")]

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use uuid::Uuid;

use super::{
    Entry, Keys,
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

async fn redis() -> Option<(Redis, ConnectionManager)> {
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
            return Some((redis, manager));
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
    let bounds = Bounds { kept_millis: 60_000, events: 10 };
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
                let taken = scripts.take(&connection, &keys, id, seen, by).await.unwrap();
                let expected = directory::take(record, seen, by, 0).ok();
                let got = taken.as_ref().map(|(got, _)| *got);
                assert_eq!(got.map(|got| got.owner), expected.map(|expected| expected.owner));
                assert!(got.map(|got| got.epoch) >= expected.map(|expected| expected.epoch));
                assert!(taken.is_none_or(|(_, founding)| founding == b"founding"));
                record = got.or(record);
                known.extend(got);
            }
            let told = scripts.record(&connection, &keys, id).await.unwrap();
            assert_eq!(told.map(|told| told.lease), record);
        }
        assert!(matches!(directory::hold(record, known[0]).1, Held::Kept | Held::Fenced(_)));
    }
}
