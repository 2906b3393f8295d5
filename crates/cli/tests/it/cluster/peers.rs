//! How replicas find each other, and the messages if they do not.

#![expect(clippy::print_stderr, reason = "says why it is skipped")]

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

use super::{Replicas, SECRET, peer_address, replica};
use crate::support::{Launch, Request, call, scrape::settles, wait_for};

#[test]
fn one_of_two_has_to_know_the_other() {
    let replicas = Replicas::with(2, "echo", &[]);
    for replica in &replicas.0 {
        settles(replica, r#"mcp_proxy_replicas{state="connected"}"#, 1.0);
    }
    let session = replicas.0[1].session();
    assert_eq!(replicas.send(0, &session.request(call("1", "echo", "{}"))).status, 200);
}

#[test]
fn a_replica_with_another_secret_is_not_let_in() {
    let one = replica("echo", SECRET).start();
    let known = peer_address(&one).to_string();
    let other = replica("echo", "a secret of somebody else").flag("--peers", known).start();
    let said = other.stderr.line(|line| line.contains("at this address is refused"));
    let said = said.expect("it is logged");
    assert!(said.contains("all replicas need the same --peerSecret"), "{said}");
    let session = one.session();
    assert_eq!(other.send(&session.request(call("1", "echo", "{}"))).status, 404);
    let said = one.stderr.line(|line| line.contains("does not know the peer secret"));
    assert!(said.is_some());
    for text in [one.stderr.so_far(), other.stderr.so_far()] {
        assert!(!text.contains("a secret of"), "{text}");
    }
}

#[test]
fn secrets_are_exchanged_one_replica_after_the_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let launch = |path| {
        Launch::new("echo")
            .flags(&["--peerPort", "0", "--metricsPort", "0"])
            .flag("--peerSecretFile", path)
    };
    let old = launch(file("old", SECRET)).start();
    let both = format!("{SECRET}\nthe secret that comes next\n");
    let known = peer_address(&old).to_string();
    let next = launch(file("both", &both)).flag("--peers", known).start();
    let session = old.session();
    assert_eq!(next.send(&session.request(call("1", "echo", "{}"))).status, 200);
    let session = next.session();
    assert_eq!(old.send(&session.request(call("1", "echo", "{}"))).status, 200);
}

#[test]
fn a_replica_that_was_killed_has_lost_its_sessions() {
    let mut replicas = Replicas::of(2, "slow");
    settles(&replicas.0[1], r#"mcp_proxy_replicas{state="connected"}"#, 1.0);
    let owner = replicas.0.remove(0);
    let (request, pending) = {
        let session = owner.session();
        let pending = session.request(call("1", "hold", "{}")).header("Accept", "application/json");
        (session.request(call("2", "held", "{}")), pending)
    };
    let answer = thread::scope(|scope| {
        let waiting = scope.spawn(|| replicas.send(0, &pending));
        wait_for("the call has come to its server", || {
            owner.send(&request).message().contains('1').then_some(())
        });
        owner.signal("KILL");
        waiting.join().expect("an answer")
    });
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("may have run"), "{}", answer.text());
    let gone = wait_for("nothing listens there any more", || {
        let answer = replicas.send(0, &request);
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), Some("1"));
            return None;
        }
        Some(answer)
    });
    assert_eq!(gone.status, 404, "its client begins again");
    drop(owner);
}

#[test]
fn a_replica_that_comes_back_is_another_one() {
    let one = replica("echo", SECRET).start();
    let two = replica("echo", SECRET).flag("--peers", peer_address(&one).to_string()).start();
    settles(&one, r#"mcp_proxy_replicas{state="connected"}"#, 1.0);
    let lost = two.session().request(call("1", "echo", "{}"));
    assert_eq!(one.send(&lost).status, 200);
    assert!(two.terminate().status.success());
    let three = replica("echo", SECRET).flag("--peers", peer_address(&one).to_string()).start();
    let session = three.session();
    assert_eq!(one.send(&session.request(call("1", "echo", "{}"))).status, 200);
    wait_for("the sessions of the first one are gone", || {
        (one.send(&lost).status == 404 && three.send(&lost).status == 404).then_some(())
    });
}

/// An address of this machine other than loopback.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback())
}

/// Copies bytes from one side to the other, and keeps them.
fn copy(from: &mut TcpStream, to: &mut TcpStream, tape: &Mutex<Vec<u8>>) {
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        tape.lock().expect("a tape").extend_from_slice(&piece[..count]);
        if to.write_all(&piece[..count]).is_err() {
            return;
        }
    }
}

/// Forwards connections to `target`, and keeps what passes.
fn wiretap(ip: IpAddr, target: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind((ip, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let tape = Arc::clone(&heard);
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(target) else { continue };
            for (mut from, mut to) in [
                (near.try_clone().expect("a handle"), far.try_clone().expect("a handle")),
                (far, near),
            ] {
                let tape = Arc::clone(&tape);
                thread::spawn(move || copy(&mut from, &mut to, &tape));
            }
        }
    });
    (address, heard)
}

#[test]
fn between_machines_everything_is_encrypted() {
    let Some(ip) = outer_address() else {
        eprintln!("skipped: this machine has no address but its loopback ones");
        return;
    };
    let one = replica("echo", SECRET).flag("--peerHost", ip.to_string()).start();
    let (tapped, heard) = wiretap(ip, peer_address(&one));
    let two = replica("echo", SECRET).flag("--peers", tapped.to_string()).start();
    let session = one.session();
    let text = "what nobody else may read";
    let request = session.request(call("1", "echo", &format!(r#"{{"text":"{text}"}}"#)));
    assert!(two.send(&request).message().contains(text));
    let heard = heard.lock().expect("a tape").clone();
    assert_eq!(heard.first(), Some(&22), "a TLS handshake");
    for secret in [text, SECRET, &session.id] {
        assert!(!heard.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    // Without TLS the peer port answers nobody.
    let mut plain = TcpStream::connect(peer_address(&one)).expect("it accepts");
    plain.write_all(b"MCPR\x01").expect("it takes bytes");
    let mut rest = Vec::new();
    drop(plain.read_to_end(&mut rest));
    assert_eq!(rest, b"");
}

#[test]
fn a_replica_needs_a_secret_and_addresses() {
    let refusal = |flags: &[&str]| Launch::new("echo").flags(flags).run();
    let refused = refusal(&["--peers", "a:1"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("--peerSecretFile"), "{}", refused.stderr);
    let refused = refusal(&["--peers", "a", "--peerSecret", SECRET]);
    assert!(refused.stderr.contains("host:port"), "{}", refused.stderr);
    let refused = refusal(&["--peerPort", "0", "--peerSecret", "too short"]);
    assert!(refused.stderr.contains("16 bytes"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("too short"), "{}", refused.stderr);
    let unknown = Request::get("/ping");
    let proxy = Launch::new("echo").flags(&["--peerSecret", SECRET]).start();
    assert_eq!(proxy.send(&unknown).status, 200);
    assert!(proxy.stderr.line(|line| line.contains("no effect without --peers,")).is_some());
}
