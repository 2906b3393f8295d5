//! Documents that are not messages: metadata of remote servers and of issuers, and the reply of a tunnel server.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::{Watch, shapes};
use crate::{
    remote::server::{Received, Server, Wire},
    support::{Launch, call, wait_for},
};

/// A proxy in front of a remote server that requires a token; requests below `place` are answered
/// with each shape.
fn metadata(place: &'static str) {
    let hand: Arc<Mutex<Vec<u8>>> = Arc::default();
    let asked = Arc::<AtomicUsize>::default();
    let (answer, count) = (Arc::clone(&hand), Arc::clone(&asked));
    let server = Server::start(move |request: &Received, wire: &mut Wire| {
        let here = format!("http://{}", request.header("host").unwrap_or_default());
        if request.body.contains("\"shape\"") {
            let challenge = format!(
                "WWW-Authenticate: Bearer resource_metadata=\"{here}/.well-known/oauth-protected-resource/mcp\"\r\n"
            );
            wire.answer("401 Unauthorized", &challenge, "");
        } else if request.path.contains(place) {
            count.fetch_add(1, Ordering::Relaxed);
            let sent = answer.lock().expect("an answer").clone();
            wire.raw(&format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                sent.len()
            ));
            wire.write_all_and_tell(&sent, || ());
        } else if request.path.contains("oauth-protected-resource") {
            wire.json(&format!(
                r#"{{"resource":"{here}/mcp","authorization_servers":["{here}/issuer"]}}"#
            ));
        } else if request.verb == "GET" && request.path != "/mcp" {
            wire.answer("404 Not Found", "", "");
        } else {
            return false;
        }
        true
    });
    let tokens = tempfile::tempdir().expect("a folder");
    let proxy = Launch::of(&[&server.url()])
        .flags(&["--headless", "--tokenStore", "file"])
        .flag("--tokenDir", tokens.path())
        .start();
    let session = proxy.session();
    session.call("0", "other", "{}");
    let mut watch = Watch::on(&proxy);
    for shape in shapes::documents("{", "}") {
        hand.lock().expect("an answer").clone_from(&shape.1);
        let before = asked.load(Ordering::Relaxed);
        watch.during(&shape, |_| drop(session.post(call("1", "shape", "{}"))));
        assert!(asked.load(Ordering::Relaxed) > before, "{} was asked for", shape.0);
    }
    watch.end();
    assert!(session.call("2", "other", "{}").contains("usual"));
}

#[test]
fn what_a_remote_server_says_of_its_tokens() {
    metadata("oauth-protected-resource");
}

#[test]
fn what_an_issuer_says_of_itself() {
    metadata("issuer");
}

#[test]
fn the_reply_of_a_tunnel_server() {
    let all = shapes::documents("{", "}");
    let place = Arc::<AtomicUsize>::default();
    let (texts, asked) = (all.clone(), Arc::clone(&place));
    // Each registration is answered with another shape; after a temporary refusal the tunnel asks
    // again.
    let server = Server::start(move |_: &Received, wire: &mut Wire| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let (_, text) = &texts[number % texts.len()];
        wire.raw(&format!(
            "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        ));
        wire.write_all_and_tell(text, || ());
        true
    });
    let host = format!("http://127.0.0.1:{}", server.port);
    let proxy = Launch::new("echo").flags(&["--tunnel", "--tunnelHost", &host]).spawn();
    // Delays grow, so only a few shapes are tested.
    wait_for("the first registration", || (place.load(Ordering::Relaxed) > 0).then_some(()));
    let mut watch = Watch::on(&proxy);
    for shape in all.iter().take(4) {
        let before = place.load(Ordering::Relaxed);
        watch.during(shape, |_| {
            wait_for("the next registration", || {
                (place.load(Ordering::Relaxed) > before).then_some(())
            });
        });
    }
    watch.end();
}
