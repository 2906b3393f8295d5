//! No process is left behind, and servers are started as configured.

use serde_json::Value;

use crate::support::{Launch, Proxy, is_gone, wait_for};

use super::{kill, pid, text};

#[test]
fn grandchildren_end_with_their_server() {
    for isolation in ["shared", "session"] {
        let proxy = Launch::new("grandchild").flags(&["--isolation", isolation]).start();
        let session = proxy.session();
        let grandchild = || text(&session.call("1", "grandchild", "{}")).parse().expect("a pid");
        let first: u32 = grandchild();
        kill("KILL", pid(&session));
        wait_for("the orphan is gone", || is_gone(first).then_some(()));
        let second: u32 = wait_for("another server", || {
            let answer = session.call("2", "grandchild", "{}");
            answer.contains("\"result\"").then(|| text(&answer).parse().expect("a pid"))
        });
        assert!(!is_gone(second));
        drop(proxy.terminate());
        assert!(is_gone(second), "{isolation}");
    }
}

#[test]
fn a_server_that_ignores_every_request_to_stop_is_killed() {
    let proxy = Launch::new("ignore-term").flags(&["--isolation", "session"]).start();
    let server = pid(&proxy.session());
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(is_gone(server));
}

#[test]
fn a_server_is_stopped_by_the_end_of_its_input_then_a_request_then_force() {
    let fixture = crate::support::fixture().display().to_string();
    let script = format!(
        "trap 'echo asked >&2' TERM; {fixture} echo; echo input over >&2; \
         while true; do sleep 0.01; done"
    );
    let proxy = Launch::of(&["sh", "-c", &script]).start();
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let said = |line: &&str| matches!(*line, "input over" | "asked");
    assert_eq!(finished.stderr.lines().filter(said).collect::<Vec<_>>(), ["input over", "asked"]);
}

#[test]
fn a_server_that_heeds_its_stdin_ends_with_a_killed_proxy() {
    let proxy = Proxy::of("echo");
    let server = pid(&proxy.session());
    proxy.signal("KILL");
    wait_for("the server is gone", || is_gone(server).then_some(()));
}

#[test]
fn no_server_survives_a_killed_proxy_however_stubborn_it_is() {
    for (mode, isolation) in
        [("ignore-term", "shared"), ("grandchild", "shared"), ("grandchild", "session")]
    {
        let proxy = Launch::new(mode).flags(&["--isolation", isolation]).start();
        let session = proxy.session();
        let mut processes = vec![pid(&session)];
        if mode == "grandchild" {
            processes.push(text(&session.call("1", mode, "{}")).parse().expect("a pid"));
        }
        proxy.signal("KILL");
        for process in processes {
            wait_for("the process is gone", || is_gone(process).then_some(()));
        }
    }
}

#[test]
fn directory_and_environment_of_the_server_are_settings() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().canonicalize().expect("a path");
    let file = path.join("variables");
    std::fs::write(&file, "FROM_FILE='one two'\nBOTH=file\n").expect("a file");
    let proxy = Launch::new("args a --b")
        .env("INHERITED", "yes")
        .flags(&["--no-inheritEnv", "--env", "BOTH=line", "--env", "EMPTY="])
        .flag("--envFile", &file)
        .flag("--cwd", &path)
        .start();
    let answer = proxy.session().call("1", "process", "{}");
    let answer: Value = serde_json::from_str(&answer).expect("a message");
    let report = &answer["result"]["structuredContent"];
    assert_eq!(report["argv"], serde_json::json!(["a", "--b"]));
    assert_eq!(report["cwd"], path.display().to_string());
    let expected = serde_json::json!({ "BOTH": "line", "EMPTY": "", "FROM_FILE": "one two" });
    assert_eq!(report["env"], expected);
}
