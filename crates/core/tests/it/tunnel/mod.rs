//! The tunnel against tunnel servers that behave well, badly and not at all.

mod app;
mod fake;
mod lines;
mod proxies;

use std::time::Duration;

use app::App;
use fake::{
    Answer, Assign, Fake, ended, exchange, read_head, read_rest, read_until, start, unused_address,
};
use lines::Lines;
use mcp_proxy_core::tunnel::{self, Config, Error, Limits, Proxy, Tunnel};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

const TAKEN: Answer =
    Answer::Assign(Assign { id: Some("calm-owl-7"), count: None, shared: false, refused: false });

/// Delays short enough for tests. A connection settles late enough for a busy machine.
fn config(host: &str) -> Config {
    Config {
        host: host.to_owned(),
        subdomain: Some("wanted".to_owned()),
        proxy: Proxy::Direct,
        limits: Limits {
            settle: Duration::from_millis(300),
            retry_first: Duration::from_millis(20),
            retry_cap: Duration::from_millis(100),
            reclaim_wait: Duration::from_millis(20),
            ..Limits::default()
        },
    }
}

async fn open(fake: &Fake, app: &App) -> Tunnel {
    tunnel::open(config(&fake.url), app.clone()).await.unwrap()
}

fn announced(count: usize) -> Assign {
    Assign { count: Some(count), ..Assign::default() }
}

#[tokio::test]
async fn requests_reach_the_local_server_in_both_port_modes() {
    for shared in [false, true] {
        let mut fake = Fake::start(&[], Assign { shared, ..announced(1) }).await;
        let tunnel = open(&fake, &App::new()).await;
        assert_eq!(fake.asked().await, "/wanted");
        assert_eq!(tunnel.url(), "https://wanted.t.example");
        let answer = exchange(&mut fake.socket().await, "/hello", "").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("hello wanted.t.example"), "{answer}");
        let body = "x".repeat(200_000);
        let answer = exchange(&mut fake.socket().await, "/echo", &body).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{} bytes", answer.len());
    }
}

#[tokio::test]
async fn a_tunnel_without_a_wish_takes_what_it_is_given() {
    let mut fake = Fake::start(&[], announced(1)).await;
    let config = Config { subdomain: None, ..config(&fake.url) };
    let tunnel = tunnel::open(config, App::new()).await.unwrap();
    assert_eq!(fake.asked().await, "/?new");
    assert!(tunnel.url().starts_with("https://"), "{}", tunnel.url());
}

#[tokio::test]
async fn a_thousand_requests_in_a_row_each_on_a_fresh_connection() {
    let mut fake = Fake::start(&[], announced(1)).await;
    let _tunnel = open(&fake, &App::new()).await;
    for _ in 0..1000 {
        let answer = exchange(&mut fake.socket().await, "/hello", "").await;
        assert!(answer.ends_with("hello wanted.t.example"), "{answer}");
    }
    assert_eq!(fake.asked().await, "/wanted");
    let mut last = fake.socket().await;
    assert!(exchange(&mut last, "/echo", "still one registration").await.ends_with("registration"));
}

#[tokio::test]
async fn a_pool_of_five_serves_five_at_once_and_is_full_again_afterwards() {
    let (mut fake, app) = (Fake::start(&[], announced(5)).await, App::new());
    let _tunnel = open(&fake, &app).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = fake.socket().await;
        start(&mut stream, "/held", "").await;
        read_until(&mut stream, "data: one\n\n").await;
        streams.push(stream);
    }
    assert!(!fake.has_socket(), "more than the server announced");
    app.release.add_permits(5);
    for mut stream in streams {
        assert!(read_rest(&mut stream).await.contains("data: two"));
    }
    for _ in 0..5 {
        fake.socket().await;
    }
}

#[tokio::test]
async fn a_pool_without_an_announced_size_keeps_a_spare_up_to_ten() {
    let (mut fake, app) = (Fake::start(&[], Assign::default()).await, App::new());
    let _tunnel = open(&fake, &app).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = fake.socket().await;
        start(&mut stream, "/held", "").await;
        read_until(&mut stream, "data: one\n\n").await;
        streams.push(stream);
    }
    // Every place is in use: the next connection comes when one of them is free, and not before.
    app.release.add_permits(1);
    let (_, _, _) = futures_util::future::select_all(
        streams.iter_mut().map(|stream| Box::pin(read_rest(stream))),
    )
    .await;
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
}

#[tokio::test]
async fn a_silent_stream_outlives_the_idle_limit_while_unused_connections_are_replaced() {
    let (mut fake, app) = (Fake::start(&[], announced(2)).await, App::new());
    let mut config = config(&fake.url);
    config.limits.settle = Duration::from_millis(10);
    config.limits.idle_limit = Duration::from_millis(10);
    let _tunnel = tunnel::open(config, app.clone()).await.unwrap();
    let mut stream = fake.socket().await;
    start(&mut stream, "/held", "").await;
    read_until(&mut stream, "data: one\n\n").await;
    for _ in 0..20 {
        ended(&mut fake.socket().await).await;
    }
    app.release.add_permits(1);
    assert!(read_rest(&mut stream).await.contains("data: two"));
}

#[tokio::test]
async fn a_broken_server_is_asked_until_it_works() {
    let busy = Answer::Status(503, "down for a moment");
    let mut fake = Fake::start(&[busy, busy], announced(1)).await;
    let lines = Lines::capture();
    let _tunnel = open(&fake, &App::new()).await;
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
    for _ in 0..3 {
        assert_eq!(fake.asked().await, "/wanted");
    }
    assert_eq!(lines.text().matches("does not register the tunnel: 503").count(), 2);
}

#[tokio::test]
async fn a_refusal_is_an_error_in_the_servers_words() {
    let refusal = Answer::Status(403, r#"{"message":"Invalid subdomain.\nNo."}"#);
    let mut fake = Fake::start(&[refusal], announced(1)).await;
    let error = tunnel::open(config(&fake.url), App::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "Invalid subdomain.No.");
    assert!(matches!(error, Error::Refused { status, .. } if status == 403));
    assert_eq!(fake.asked().await, "/wanted");
}

#[tokio::test]
async fn a_redirect_of_the_registration_is_not_followed() {
    let (mut fake, listener) =
        (Fake::start(&[], announced(1)).await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let host = format!("http://{}", listener.local_addr().unwrap());
    let location = fake.url.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        let head = format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}/wanted\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
    });
    let error = tunnel::open(config(&host), App::new()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { status, .. } if *status == 302), "{error:?}");
    assert!(error.to_string().contains("--tunnelHost"), "{error}");
    let _tunnel = open(&fake, &App::new()).await;
    assert_eq!(fake.asked().await, "/wanted");
    assert!(!fake.was_asked(), "only the one that was meant for it");
}

#[tokio::test]
async fn an_answer_that_is_no_registration_is_an_error() {
    let fake = Fake::start(&[Answer::Status(200, "<html>")], announced(1)).await;
    let error = tunnel::open(config(&fake.url), App::new()).await.unwrap_err();
    assert!(error.to_string().contains("did not answer like a tunnel server"), "{error}");
    let error = tunnel::open(config("ftp://t.example"), App::new()).await.unwrap_err();
    assert!(matches!(error, Error::Host(_)), "{error}");
}

#[tokio::test]
async fn opening_can_be_given_up_while_the_server_is_away() {
    let lines = Lines::capture();
    let host = format!("http://{}", unused_address().await);
    let opening = tokio::spawn(tunnel::open(config(&host), App::new()));
    lines.wait_for("does not register the tunnel: ").await;
    opening.abort();
    assert!(opening.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_refused_pool_port_leads_to_another_registration() {
    let refused = Answer::Assign(Assign { refused: true, ..announced(2) });
    let lines = Lines::capture();
    let mut fake = Fake::start(&[refused, refused], announced(2)).await;
    let _tunnel = open(&fake, &App::new()).await;
    lines.wait_for("check your firewall settings").await;
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
    lines.wait_for("tunnel established at https://wanted.t.example").await;
    for _ in 0..3 {
        assert_eq!(fake.asked().await, "/wanted");
    }
}

#[tokio::test]
async fn a_taken_subdomain_is_said_and_the_url_is_that_of_the_assigned_one() {
    let lines = Lines::capture();
    let mut fake = Fake::start(&[TAKEN, TAKEN, TAKEN], announced(1)).await;
    let tunnel = open(&fake, &App::new()).await;
    assert_eq!(tunnel.url(), "https://calm-owl-7.t.example");
    let warning = lines.wait_for("is taken on").await;
    assert!(warning.contains("WARN") && warning.contains(r#""wanted" is taken"#), "{warning}");
    assert!(warning.contains(r#"got "calm-owl-7" instead"#), "{warning}");
    // The URL that people have must stay.
    drop(fake.socket().await);
    fake.forget().await;
    for path in ["/wanted", "/wanted", "/wanted", "/calm-owl-7"] {
        assert_eq!(fake.asked().await, path);
    }
    fake.socket().await;
    assert_eq!(tunnel.url(), "https://calm-owl-7.t.example");
}

#[tokio::test]
async fn a_subdomain_that_its_last_holder_just_left_is_claimed() {
    let lines = Lines::capture();
    let mut fake = Fake::start(&[TAKEN, TAKEN], announced(1)).await;
    let tunnel = open(&fake, &App::new()).await;
    assert_eq!(tunnel.url(), "https://wanted.t.example");
    fake.socket().await;
    lines.wait_for("tunnel established at https://wanted.t.example").await;
    assert!(!lines.text().contains("WARN"), "{}", lines.text());
}

#[tokio::test]
async fn a_forgotten_tunnel_is_registered_again_in_both_port_modes() {
    for shared in [false, true] {
        let lines = Lines::capture();
        let mut fake = Fake::start(&[], Assign { shared, ..announced(2) }).await;
        let tunnel = open(&fake, &App::new()).await;
        assert_eq!(fake.asked().await, "/wanted");
        assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
        fake.forget().await;
        assert_eq!(fake.asked().await, "/wanted");
        for _ in 0..2 {
            let answer = exchange(&mut fake.socket().await, "/hello", "").await;
            assert!(answer.ends_with("t.example"), "{answer}");
        }
        assert_eq!(tunnel.url(), "https://wanted.t.example");
        lines.wait_for("tunnel re-established at https://wanted.t.example").await;
    }
}

#[tokio::test]
async fn a_server_that_refuses_later_is_still_asked() {
    let first = Answer::Assign(announced(1));
    let refusal = Answer::Status(403, r#"{"message":"not today"}"#);
    let lines = Lines::capture();
    let mut fake = Fake::start(&[first, refusal, refusal], announced(1)).await;
    let _tunnel = open(&fake, &App::new()).await;
    drop(fake.socket().await);
    fake.forget().await;
    lines.wait_for("refuses to register the tunnel again: not today").await;
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
}

#[tokio::test]
async fn a_connection_cut_in_mid_response_is_replaced() {
    let mut fake = Fake::start(&[], announced(1)).await;
    let _tunnel = open(&fake, &App::new()).await;
    for _ in 0..3 {
        let mut stream = fake.socket().await;
        start(&mut stream, "/held", "").await;
        read_until(&mut stream, "data: one\n\n").await;
        stream.set_zero_linger().unwrap();
    }
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
}

#[tokio::test]
async fn a_fault_of_the_local_server_costs_one_connection() {
    let mut fake = Fake::start(&[], announced(1)).await;
    let _tunnel = open(&fake, &App::new()).await;
    let mut stream = fake.socket().await;
    start(&mut stream, "/fault", "").await;
    ended(&mut stream).await;
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
}

#[tokio::test]
async fn connections_beyond_what_the_server_takes_do_not_hurt_the_others() {
    let (mut fake, app) = (Fake::start(&[], Assign::default()).await, App::new());
    let _tunnel = open(&fake, &app).await;
    let mut stream = fake.socket().await;
    start(&mut stream, "/held", "").await;
    read_until(&mut stream, "data: one\n\n").await;
    for _ in 0..5 {
        drop(fake.socket().await);
    }
    app.release.add_permits(1);
    assert!(read_rest(&mut stream).await.contains("data: two"));
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
    assert_eq!(fake.asked().await, "/wanted");
}

#[tokio::test]
async fn closing_ends_every_connection() {
    for by_drop in [false, true] {
        let mut fake = Fake::start(&[], announced(2)).await;
        let tunnel = open(&fake, &App::new()).await;
        let (mut used, mut unused) = (fake.socket().await, fake.socket().await);
        start(&mut used, "/held", "").await;
        read_head(&mut used).await;
        if by_drop {
            drop(tunnel);
        } else {
            tunnel.close().await;
        }
        ended(&mut used).await;
        ended(&mut unused).await;
        assert!(!fake.has_socket());
    }
}
