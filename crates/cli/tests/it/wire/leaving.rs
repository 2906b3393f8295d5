//! What happens to a request if its client cancels it, ends its session, or replaces its stream.

use crate::support::{Connection, Launch, Modern, Proxy, Request, Session, call, fixture};

const CANCEL: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c"}}"#;

#[test]
fn the_stream_of_a_cancelled_call_ends_for_good() {
    let proxy = Proxy::of("cancel");
    let session = Session::open(&proxy);
    let mut stream = session.stream(call("\"c\"", "hang", "{}"));
    let last = stream.event().expect("a first event").id.expect("an id");
    assert_eq!(session.post(CANCEL).status, 202);
    assert_eq!(stream.event(), None, "no answer will come");
    // A client that takes this for a lost connection reconnects once.
    let answer = proxy.send(&session.listening().header("Last-Event-ID", &last));
    assert_eq!((answer.status, answer.text()), (204, ""));
}

#[test]
fn a_cancelled_call_makes_room_for_another() {
    let proxy = Launch::new("cancel").flags(&["--maxInFlight", "1"]).start();
    let session = Session::open(&proxy);
    for _ in 0..3 {
        let mut stream = session.stream(call("\"c\"", "hang", "{}"));
        assert!(stream.event().is_some());
        assert_eq!(session.post(call("2", "hang", "{}")).status, 429);
        assert_eq!(session.post(CANCEL).status, 202);
        assert_eq!(stream.event(), None);
    }
}

#[test]
fn a_call_that_arrives_after_the_end_of_its_session_does_not_run() {
    let proxy = Proxy::of("subscribe");
    let session = Session::open(&proxy);
    let wish = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"x:a"}}"#;
    let bytes = session.request(wish).bytes();
    let (early, late) = bytes.split_at(bytes.len() - 10);
    let mut connection: Connection = proxy.connect();
    connection.write(early);
    // It is answered only after the head of the other request was processed.
    assert_eq!(proxy.send(&Request::get("/ping")).status, 200);
    assert_eq!(session.delete().status, 200);
    connection.write(late);
    assert_eq!(connection.response().status, 404);
}

#[test]
fn an_idle_server_makes_room_for_whoever_comes() {
    let flags = ["--isolation", "session", "--maxChildren", "1"];
    let proxy = Launch::new("echo").flags(&flags).start();
    for principal in ["one", "two", "one"] {
        let request = Modern::call("echo", r#"{"text":"here"}"#).request();
        let answer = proxy.send(&request.header("Authorization", &format!("Bearer {principal}")));
        assert_eq!(answer.status, 200, "{principal}: {}", answer.text());
        assert!(answer.text().contains("here"), "{}", answer.text());
    }
    Session::open(&proxy).assert_healthy();
}

#[test]
fn a_client_of_2026_is_told_why_its_server_does_not_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = directory.path().join("server");
    std::fs::copy(fixture(), &server).expect("a copy");
    let command = server.to_string_lossy().into_owned();
    let proxy = Launch::of(&[&command, "echo"]).flags(&["--isolation", "session"]).start();
    std::fs::remove_file(&server).expect("it is there");
    for request in [Modern::call("echo", "{}"), Modern::new("server/discover")] {
        let answer = request.send(&proxy);
        assert!(answer.text().contains("ENOENT"), "{}", answer.text());
        assert!(answer.text().contains(&command), "{}", answer.text());
    }
}
