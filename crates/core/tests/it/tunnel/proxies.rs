//! The tunnel through HTTP and SOCKS proxies, played by the test.

use mcp_proxy_core::tunnel::{self, Config, Proxy};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{
    app::App,
    config,
    fake::{Assign, Fake, exchange, read_head, read_rest},
};

const REGISTRATION: &str =
    r#"{"id":"wanted","port":4711,"maxConnCount":1,"url":"http://wanted.t.invalid"}"#;
const REQUEST: &str = "GET /hello HTTP/1.1\r\nhost: early.t\r\nconnection: close\r\n\r\n";

/// A tunnel through a proxy. The server's name does not resolve, so nothing can bypass the proxy.
async fn open_through(scheme: &str) -> (TcpListener, tokio::task::JoinHandle<tunnel::Tunnel>) {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://user:secret@{}", proxy.local_addr().unwrap());
    let config = Config { proxy: Proxy::Url(url), ..config("http://t.invalid") };
    let opening = async { tunnel::open(config, App::new()).await.unwrap() };
    (proxy, tokio::spawn(opening))
}

async fn register(stream: &mut TcpStream) {
    let head = read_head(stream).await;
    assert!(head.contains("/wanted HTTP/1.1\r\n"), "{head}");
    let length = REGISTRATION.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{REGISTRATION}");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn the_pool_goes_through_an_http_proxy_and_loses_no_byte() {
    let (proxy, opening) = open_through("http").await;
    register(&mut proxy.accept().await.unwrap().0).await;
    let _tunnel = opening.await.unwrap();
    let mut stream = proxy.accept().await.unwrap().0;
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("CONNECT t.invalid:4711 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Basic dXNlcjpzZWNyZXQ="), "{head}");
    // The server's first request arrives together with the proxy's answer.
    let both = format!("HTTP/1.1 200 Connection established\r\n\r\n{REQUEST}");
    stream.write_all(both.as_bytes()).await.unwrap();
    assert!(read_rest(&mut stream).await.ends_with("hello early.t"));
}

#[tokio::test]
async fn the_pool_goes_through_a_socks5_proxy_and_loses_no_byte() {
    let (proxy, opening) = open_through("socks5h").await;
    let mut control = proxy.accept().await.unwrap().0;
    socks(&mut control, 80, "").await;
    register(&mut control).await;
    let _tunnel = opening.await.unwrap();
    let mut stream = proxy.accept().await.unwrap().0;
    socks(&mut stream, 4711, REQUEST).await;
    assert!(read_rest(&mut stream).await.ends_with("hello early.t"));
}

/// Plays the server of RFC 1928 and RFC 1929; `early` follows the last answer at once.
async fn socks(stream: &mut TcpStream, port: u16, early: &str) {
    expect(stream, &[5, 1, 2]).await;
    stream.write_all(&[5, 2]).await.unwrap();
    expect(stream, b"\x01\x04user\x06secret").await;
    stream.write_all(&[1, 0]).await.unwrap();
    expect(stream, b"\x05\x01\x00\x03\x09t.invalid").await;
    expect(stream, &port.to_be_bytes()).await;
    let mut answer = vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    answer.extend_from_slice(early.as_bytes());
    stream.write_all(&answer).await.unwrap();
}

async fn expect(stream: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, expected);
}

#[tokio::test]
async fn the_pool_goes_directly_where_the_proxy_refuses_it() {
    let mut fake = Fake::start(&[], Assign { count: Some(1), ..Assign::default() }).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let config = Config { proxy: Proxy::Url(url), ..config(&fake.url) };
    let opening = tokio::spawn(tunnel::open(config, App::new()));
    // Contact the server for the client, and refuse to connect to its pool.
    let mut client = proxy.accept().await.unwrap().0;
    let head = read_head(&mut client).await.replace(&fake.url, "");
    let mut server = TcpStream::connect(fake.url.trim_start_matches("http://")).await.unwrap();
    server.write_all(head.as_bytes()).await.unwrap();
    client.write_all(read_rest(&mut server).await.as_bytes()).await.unwrap();
    let _tunnel = opening.await.unwrap().unwrap();
    let mut refused = proxy.accept().await.unwrap().0;
    assert!(read_head(&mut refused).await.starts_with("CONNECT "));
    refused.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert!(exchange(&mut fake.socket().await, "/hello", "").await.ends_with("t.example"));
}
