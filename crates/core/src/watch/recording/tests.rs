use std::{fs, path::Path};

use serde_json::Value;

use super::{parts::numbered, *};
use crate::watch::{Frame, Payload, Point};

fn config(file: &Path) -> RecordingConfig {
    RecordingConfig::new(file)
}

fn header(part: u64) -> Header {
    Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        started: "2026-01-01T00:00:00.000Z".to_owned(),
        proxy: crate::VERSION.to_owned(),
        part,
        redacted: true,
    }
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n'), "{text:?}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_passes_is_in_the_file_when_the_recording_ends() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("traffic.jsonl");
    let recording = Recording::start(&config(&file)).unwrap();
    TAP.show(|| Frame::new(Point::ToServer, Payload::copied(br#"{"password":"x"}"#)));
    drop(recording);
    let lines = lines(&file);
    assert_eq!((&lines[0]["format"], &lines[0]["version"]), (&FORMAT.into(), &VERSION.into()));
    // Other tests of this process are seen, too.
    let own = lines.iter().find(|line| line["point"] == "to-server").unwrap();
    assert_eq!(own["text"], r#"{"password":"[redacted]"}"#);
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("traffic.jsonl");
    drop(Recording::start(&config(&file)).unwrap());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert!(Recording::start(&config(&link)).is_err());
}

#[test]
fn a_file_that_is_no_recording_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("server.py");
    fs::write(&file, "print()\n").unwrap();
    let error = Recording::start(&config(&file)).unwrap_err().to_string();
    assert!(error.contains("is not a recording"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "print()\n");
}

#[test]
fn full_parts_get_numbers_and_the_oldest_goes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("traffic.jsonl");
    let config = RecordingConfig { max_size: 300, max_files: 3, ..config(&file) };
    let mut parts = Parts::open(&config, header(1)).unwrap();
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100));
    for _ in 0..10 {
        parts.append(&mut line.as_bytes()).unwrap();
    }
    let numbers: Vec<_> = [file.clone(), numbered(&file, 1), numbered(&file, 2)]
        .iter()
        .map(|file| (lines(file)[0]["part"].as_u64().unwrap(), fs::metadata(file).unwrap().len()))
        .collect();
    assert_eq!(numbers.iter().map(|(part, _)| *part).collect::<Vec<_>>(), [10, 9, 8]);
    assert!(numbers.iter().all(|(_, size)| *size <= 300), "{numbers:?}");
    assert!(!numbered(&file, 3).exists());
}

#[test]
fn many_lines_at_once_are_split_over_parts_and_a_long_one_has_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("traffic.jsonl");
    let config = RecordingConfig { max_size: 400, max_files: 100, ..config(&file) };
    let mut parts = Parts::open(&config, header(1)).unwrap();
    let line = |length: usize| format!("{{\"a\":\"{}\"}}\n", "x".repeat(length));
    let all: String = [50, 60, 1000, 70, 80, 90, 100].map(line).concat();
    parts.append(&mut all.as_bytes()).unwrap();
    let mut files: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort_by_key(|file| lines(file)[0]["part"].as_u64());
    let lengths = files.iter().flat_map(|file| lines(file).split_off(1));
    let lengths: Vec<_> = lengths.map(|line| line["a"].as_str().unwrap().len()).collect();
    assert_eq!(lengths, [50, 60, 1000, 70, 80, 90, 100]);
}

#[test]
fn a_recording_that_is_there_is_kept_as_an_older_part() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("traffic.jsonl");
    drop(Recording::start(&config(&file)).unwrap());
    drop(Recording::start(&config(&file)).unwrap());
    assert!(numbered(&file, 1).exists());
    assert_eq!(lines(&file)[0]["part"], 1);
}

/// `/dev/full` refuses every write.
#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_does_not_take_is_counted_once_it_takes_more() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("traffic.jsonl");
    let ring = Arc::new(Ring::new(LIMITS));
    let parts = Parts::open(&config(&file), header(1)).unwrap();
    let scribe = Scribe::new(Redaction::new(&crate::config::RedactionConfig::default()));
    let mut writer = Writer { ring: Arc::clone(&ring), scribe, parts, untold: 0, said: None };
    let frame = || Arc::new(Frame::new(Point::Stderr, Payload::copied(b"text")));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let good = writer.parts.exchange_file(full);
    ring.push(&frame());
    ring.push(&frame());
    writer.write_all(&ring.drain(Duration::ZERO, Duration::ZERO).unwrap(), &mut Vec::new());
    let said = writer.said;
    assert!(said.is_some());
    writer.parts.exchange_file(good);
    ring.push(&frame());
    writer.write_all(&ring.drain(Duration::ZERO, Duration::ZERO).unwrap(), &mut Vec::new());
    let lines = lines(&file);
    assert_eq!((&lines[1]["lost"], &lines[2]["n"]), (&2.into(), &2.into()));
    assert_eq!(writer.said, said);
}
