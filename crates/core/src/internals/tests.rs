use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;

#[test]
fn the_kept_corpora_hold() {
    for (name, check) in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let mut count = 0;
        for entry in fs::read_dir(&corpus).unwrap() {
            check(&fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} is empty", corpus.display());
    }
}

proptest! {
    #[test]
    fn any_bytes_hold(bytes in any::<Vec<u8>>()) {
        for (_, check) in TARGETS {
            check(&bytes);
        }
    }
}

#[tokio::test]
async fn benches_measure_what_works() {
    let road = hot::Road::new(3).expect("a road");
    assert!(road.call(hot::request(32)).is_some_and(|bytes| bytes > 0));
    let road = hot::ModernRoad::new().expect("a road");
    for _ in 0..2 {
        assert!(road.call(hot::modern_request(32)).is_some_and(|bytes| bytes > 0));
    }
    let crowd = hot::Crowd::new(3).expect("a server");
    let told = crowd.tell(hot::notification()).expect("everybody was told");
    assert_eq!(told % 3, 0);
    assert_eq!(hot::Pending::new(3).pass(), Some(()));
}
