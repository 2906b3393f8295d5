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
