//! Where HTTP+SSE clients are told to post: behind path prefixes, reverse proxies, and side by
//! side.

#![expect(clippy::print_stderr, reason = "says why it is skipped")]

use std::{fs, process::Command};

use crate::support::{EventStream, Launch, Proxy, Request, initialize, wait_for};

/// The first event of a stream at this path.
fn announced(proxy: &Proxy, path: &str, headers: &[(&str, &str)]) -> (String, EventStream) {
    let mut request = Request::get(path).header("Accept", "text/event-stream");
    for (name, value) in headers {
        request = request.and_header(name, value);
    }
    let mut stream = proxy.stream(&request);
    let event = stream.event().expect("the endpoint event");
    assert_eq!(event.name.as_deref(), Some("endpoint"));
    stream.expect();
    (event.data.expect("an endpoint"), stream)
}

/// The part of an endpoint before the session.
fn place(endpoint: &str) -> &str {
    endpoint.split_once("?sessionId=").expect("a session").0
}

#[test]
fn an_endpoint_is_announced_as_its_flags_and_the_proxies_in_front_have_it() {
    const TRUST: &str = "--trustProxy";
    const PREFIX: (&str, &str) = ("X-Forwarded-Prefix", "/tools");
    for (flags, path, headers, expected) in [
        (&[][..], "/sse", &[][..], "/messages"),
        (&[], "/sse", &[PREFIX], "/messages"),
        (&["--sseEndpoint", "/one"], "/one", &[], "/one"),
        (&["--sseEndpoint", "/a/sse"], "/a/sse", &[], "/a/sse"),
        (&["--server", "sse", "--endpoint", "/only"], "/only", &[], "/only"),
        (&["--sseEndpoint", "/mcp"], "/mcp", &[], "/messages"),
        (&["--messagesEndpoint", "/tools/messages"], "/sse", &[], "/tools/messages"),
        (&["--messagesEndpoint", "messages"], "/sse", &[], "messages"),
        (&["--messages-endpoint", "./m", "--sseEndpoint", "/a/b"], "/a/b", &[], "./m"),
        (&["--messagesEndpoint", "/messages", "--sseEndpoint", "/one"], "/one", &[], "/messages"),
        (&[TRUST, "loopback"], "/sse", &[PREFIX], "/tools/messages"),
        (&[TRUST, "10.0.0.0/8,127.0.0.1"], "/sse", &[PREFIX], "/tools/messages"),
        (&[TRUST, "10.0.0.0/8", "::1"], "/sse", &[PREFIX], "/messages"),
        (
            &["--trust-proxy=127.0.0.0/8"],
            "/sse",
            &[("X-Forwarded-Prefix", "/a, /b")],
            "/a/b/messages",
        ),
        (&[TRUST, "loopback"], "/sse", &[("X-Forwarded-Prefix", "//evil.example")], "/messages"),
        (&[TRUST, "loopback", "--sseEndpoint", "/one"], "/one", &[PREFIX], "/tools/one"),
        (&[TRUST, "loopback", "--messagesEndpoint", "messages"], "/sse", &[PREFIX], "messages"),
    ] {
        let case = format!("{flags:?} {headers:?}");
        let proxy = Launch::new("echo").flags(flags).start();
        let (endpoint, mut stream) = announced(&proxy, path, headers);
        assert_eq!(place(&endpoint), expected, "{case}");
        // The path to which a client posts, and the rest after the prefix was removed.
        let query = &endpoint[place(&endpoint).len()..];
        let absolute = match expected.strip_prefix("./").unwrap_or(expected) {
            given if given.starts_with('/') => given.to_owned(),
            relative => format!("{}/{relative}", path.rsplit_once('/').unwrap_or_default().0),
        };
        let is_cut = headers.iter().any(|(name, _)| *name == "X-Forwarded-Prefix");
        let target = if is_cut && expected != "/messages" {
            absolute.replacen("/tools", "", 1).replacen("/a/b/", "/", 1)
        } else {
            absolute
        };
        for target in [format!("{target}{query}"), format!("/messages{query}")] {
            let response = proxy.send(&Request::post(&target, initialize("2025-06-18")));
            assert_eq!(response.status, 202, "{case} {target}: {}", response.text());
            assert!(stream.expect().contains("serverInfo"), "{case} {target}");
        }
    }
}

#[test]
fn what_no_session_is_named_for_is_not_found_at_the_path_of_a_stream() {
    let proxy = Launch::new("echo").flags(&["--sseEndpoint", "/one"]).start();
    for target in
        ["/one", "/one?sessionId=x", "/one?sessionId=6f1e7a3c-0000-4000-8000-000000000000"]
    {
        let response = proxy.send(&Request::post(target, initialize("2025-06-18")));
        assert_eq!(response.status, 404, "{target}: {}", response.text());
    }
}

#[test]
fn bad_values_are_refused_at_the_start() {
    for (flags, said) in [
        (["--trustProxy", "*"], "\"*\" is neither an address nor a network"),
        (["--trustProxy", "10.0.0.0/40"], "\"10.0.0.0/40\" is neither"),
        (["--trustProxy", "127.0.0.1,a.example"], "\"a.example\" is neither"),
        (["--messagesEndpoint", "//evil.example/m"], "must be a path"),
        (["--messagesEndpoint", "https://evil.example/m"], "must be a path"),
        (["--messagesEndpoint", "/m?x=1"], "must be a path"),
        (["--messagesEndpoint", "/a b"], "must be a path"),
    ] {
        let finished = Launch::new("echo").flags(&flags).run();
        assert_eq!(finished.status.code(), Some(1), "{flags:?}");
        assert!(finished.stderr.contains(said), "{flags:?}: {}", finished.stderr);
    }
}

/// Two proxies with streams at different paths of one host, behind a real nginx, which removes a
/// prefix for a third one. If nginx is not installed, this is skipped with a message.
#[test]
fn behind_nginx_every_client_finds_its_own_server() {
    if Command::new("nginx").arg("-v").output().is_err() {
        eprintln!("skipped: there is no nginx here");
        return;
    }
    let one = Launch::new("echo").flags(&["--sseEndpoint", "/one"]).start();
    let two = Launch::new("echo").flags(&["--sseEndpoint", "/two"]).start();
    let cut = Launch::new("echo").flags(&["--trustProxy", "loopback"]).start();
    let relative = Launch::new("echo").flags(&["--messagesEndpoint", "messages"]).start();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let socket = at("nginx.sock");
    let (shown, place) = (socket.display(), folder.path().display());
    let pass = |path: &str, port: u16, end: &str| {
        format!(
            "location {path} {{ proxy_pass http://127.0.0.1:{port}{end}; proxy_http_version 1.1; \
             proxy_set_header Connection ''; proxy_buffering off; \
             proxy_set_header X-Forwarded-Prefix {path}; }}"
        )
    };
    let locations = [
        pass("/one", one.port, ""),
        pass("/two", two.port, ""),
        pass("/cut/", cut.port, "/"),
        pass("/relative/", relative.port, "/"),
    ];
    let config = format!(
        "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log; events {{}} \
         http {{ access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p; \
         fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; \
         server {{ listen unix:{shown}; {} }} }}",
        locations.join(" ")
    );
    fs::write(at("nginx.conf"), config).expect("a configuration");
    let mut nginx = Command::new("nginx")
        .arg("-c")
        .arg(at("nginx.conf"))
        .arg("-e")
        .arg(at("error.log"))
        .spawn()
        .expect("nginx starts");
    let connect = || std::os::unix::net::UnixStream::connect(&socket).ok();
    wait_for("nginx listens", connect);
    for path in ["/one", "/two", "/cut/sse", "/relative/sse"] {
        let connection = || crate::support::Connection::new(connect().expect("nginx accepts"));
        let request = Request::get(path).header("Accept", "text/event-stream");
        let mut stream = connection().stream(&request);
        let endpoint = stream.event().and_then(|event| event.data).expect("an endpoint");
        stream.expect();
        let target = if endpoint.starts_with('/') {
            endpoint
        } else {
            format!("{}/{endpoint}", path.rsplit_once('/').expect("a folder").0)
        };
        let response = connection().exchange(&Request::post(&target, initialize("2025-06-18")));
        assert_eq!(response.status, 202, "{path} {target}: {}", response.text());
        assert!(stream.expect().contains("serverInfo"), "{path}");
    }
    nginx.kill().expect("nginx can be ended");
    nginx.wait().expect("nginx ends");
}
