//! `enable_json_response`: answers as plain JSON.

use mcp_proxy_core::{
    Proxy,
    config::{CommandConfig, HttpConfig, ProxyConfig, UpstreamConfig},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

async fn proxy(mode: &str) -> Proxy {
    let mut command = CommandConfig::new(env!("CARGO_BIN_EXE_fixture"));
    command.args = mode.split(' ').map(Into::into).collect();
    let http = HttpConfig {
        host: "127.0.0.1".to_owned(),
        port: 0,
        enable_json_response: true,
        ..HttpConfig::default()
    };
    let config = ProxyConfig {
        http,
        upstream: UpstreamConfig::new(command).into(),
        metrics: mcp_proxy_core::config::MetricsConfig::default(),
        policy: mcp_proxy_core::config::Policy::default(),
        rules: mcp_proxy_core::config::Rules::default(),
        graceful_shutdown_timeout: mcp_proxy_core::config::DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT,
    };
    Proxy::connect(config).await.expect("the fixture answers").listen().await.expect("a port")
}

/// Head and body of the answer to a POST.
async fn post(proxy: &Proxy, session: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(proxy.address()).await.expect("the proxy accepts");
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{session}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.to_owned())
}

/// The header line that names a new session.
async fn session(proxy: &Proxy) -> String {
    let (head, _) = post(proxy, "", INITIALIZE).await;
    let line = head.lines().find(|line| line.starts_with("mcp-session-id:"));
    format!("{}\r\n", line.expect("a session"))
}

async fn ask(proxy: &Proxy, session: &str, body: &str) -> String {
    let (head, answer) = post(proxy, session, body).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/json; charset=utf-8"), "{head}");
    answer
}

#[tokio::test]
async fn one_request_gets_one_object_without_its_notifications() {
    let proxy = proxy("progress 3").await;
    let session = session(&proxy).await;
    let body = r#"{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"work","_meta":{"progressToken":7}}}"#;
    let expected =
        r#"{"jsonrpc":"2.0","id":1.0,"result":{"content":[{"type":"text","text":"done"}]}}"#;
    assert_eq!(ask(&proxy, &session, body).await, expected);
    assert_eq!(ask(&proxy, &session, &format!("[{body}]")).await, expected);
    proxy.close().await;
}

#[tokio::test]
async fn several_requests_get_an_array() {
    let proxy = proxy("echo").await;
    let session = session(&proxy).await;
    let request = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    let body = format!("[{},{}]", request("1"), request("\"1\""));
    let expected =
        r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":"1","result":{}}]"#;
    assert_eq!(ask(&proxy, &session, &body).await, expected);
    proxy.close().await;
}

#[tokio::test]
async fn the_bytes_are_the_servers() {
    let proxy = proxy("scripted").await;
    let session = session(&proxy).await;
    for (tool, part) in [
        ("numbers", r#""big":12345678901234567890,"one":1.0,"huge":1e400"#),
        ("escapes", r"caf\u00e9 caf\u00E9 \/"),
        ("surrogate", r"lone \ud800 and \udfff"),
        ("error", r#""code":-31999,"vendor":"x""#),
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"caf\u00e9","method":"tools/call","params":{{"name":"{tool}"}}}}"#
        );
        let answer = ask(&proxy, &session, &body).await;
        assert!(answer.starts_with(r#"{"jsonrpc":"2.0","id":"caf\u00e9","#), "{answer}");
        assert!(answer.contains(part), "{answer}");
    }
    proxy.close().await;
}

#[tokio::test]
async fn a_session_that_ends_under_a_call_is_not_found() {
    let proxy = proxy("cancel").await;
    let session = session(&proxy).await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hang"}}"#;
    let report = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"cancelled"}}"#;
    let ending = async {
        // The call is under way.
        while ask(&proxy, &session, report).await.contains(r#""hanging":[]"#) {}
        let mut stream = TcpStream::connect(proxy.address()).await.expect("the proxy accepts");
        let request = format!(
            "DELETE /mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{session}Content-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let ((head, _), ()) = tokio::join!(post(&proxy, &session, body), ending);
    assert!(head.starts_with("http/1.1 404"), "{head}");
    proxy.close().await;
}
