//! Who is let in and what they are told: API key, CORS, the DNS-rebinding rule.

use serde_json::json;

use crate::support::{Connection, Launch, Proxy, Request, Response, initialize, scrape::port};

const METHODS: &str = "GET, POST, OPTIONS";
const HEADERS: &str = "Content-Type, Authorization, Accept, Mcp-Session-Id, Mcp-Protocol-Version, \
    Last-Event-Id, Mcp-Method, Mcp-Name";

fn assert_challenged(response: &Response) {
    assert_eq!(response.status, 401);
    let expected = json!({
        "error": { "code": 401, "message": "Unauthorized: Invalid or missing API key" },
        "id": null,
        "jsonrpc": "2.0",
    });
    assert_eq!(response.json(), expected);
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    let challenge = "Bearer error=\"invalid_token\", \
        error_description=\"Unauthorized: Invalid or missing API key\"";
    assert_eq!(response.header("www-authenticate"), Some(challenge));
}

#[test]
fn without_the_key_every_path_but_ping_is_401() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "secret"]).start();
    assert_eq!(proxy.send(&Request::get("/ping")).status, 200);
    for request in [
        Request::mcp(initialize("2025-11-25")),
        Request::get("/mcp"),
        Request::new("DELETE", "/mcp"),
        Request::get("/sse"),
        Request::post("/messages?sessionId=x", "{}"),
        Request::get("/nowhere"),
        Request::new("PUT", "/mcp"),
    ] {
        assert_challenged(&proxy.send(&request));
    }
}

#[test]
fn only_the_exact_key_is_let_in() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "secret"]).start();
    let request = Request::mcp(initialize("2025-11-25"));
    for key in ["", "Secret", "secre", "secret1", "secret, secret", "sécret"] {
        assert_challenged(&proxy.send(&request.clone().header("X-API-Key", key)));
    }
    let twice = request.clone().header("X-API-Key", "secret").and_header("X-API-Key", "secret");
    assert_challenged(&proxy.send(&twice));
    let bearer = |request: &Request, token: &str| {
        proxy.send(&request.clone().and_header("Authorization", &format!("Bearer {token}")))
    };
    assert_challenged(&bearer(&request, "secre"));
    assert_challenged(&bearer(&request.clone().header("X-API-Key", "wrong"), "secret"));
    assert_eq!(bearer(&request, "secret").status, 200);
    assert_eq!(bearer(&request.clone().header("X-API-Key", "secret"), "somebody").status, 200);
    assert_eq!(proxy.send(&request.header("x-api-key", "secret")).status, 200);
}

#[test]
fn a_bearer_token_counts_where_no_key_is_present() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "secret"]).start();
    let ask = |headers: &[(&str, &str)]| {
        let request = Request::mcp(initialize("2025-11-25"));
        let request =
            headers.iter().fold(request, |request, (name, value)| request.and_header(name, value));
        proxy.send(&request)
    };
    for headers in [
        &[("Authorization", "Bearer secret")][..],
        &[("Authorization", "bearer secret")],
        &[("Authorization", "BEARER   secret")],
        &[("authorization", "Bearer secret ")],
        &[("X-API-Key", "secret"), ("Authorization", "Bearer of-somebody-else")],
        &[("X-API-Key", "secret"), ("Authorization", "Basic dTpw")],
    ] {
        assert_eq!(ask(headers).status, 200, "{headers:?}");
    }
    for headers in [
        &[("Authorization", "secret")][..],
        &[("Authorization", "Basic secret")],
        &[("Authorization", "Bearer")],
        &[("Authorization", "Bearer Secret")],
        &[("Authorization", "Bearer secret, Bearer x")],
        &[("Authorization", "Bearer x"), ("Authorization", "Bearer secret")],
        &[("X-API-Key", "wrong"), ("Authorization", "Bearer secret")],
        &[("X-API-Key", ""), ("Authorization", "Bearer secret")],
        &[("Cookie", "X-API-Key=secret")],
        &[("X-Api-Token", "secret")],
    ] {
        assert_challenged(&ask(headers));
    }
}

/// Differs from mcp-proxy: there an empty key turns the check off.
#[test]
fn an_empty_key_does_not_start() {
    for launch in [
        Launch::new("echo").flags(&["--apiKey", ""]),
        Launch::new("echo").env("MCP_PROXY_API_KEY", ""),
    ] {
        let finished = launch.run();
        assert_eq!(finished.status.code(), Some(1), "{finished:?}");
        assert!(finished.stderr.contains("apiKey") || finished.stderr.contains("API_KEY"));
    }
}

#[test]
fn cors_answers_are_the_documented_ones() {
    let proxy = Proxy::of("echo");
    for request in [
        Request::new("OPTIONS", "/mcp"),
        Request::get("/ping"),
        Request::get("/nowhere"),
        Request::mcp(initialize("2025-11-25")),
    ] {
        let answer = proxy.send(&request.header("Origin", "https://app.example"));
        let header = |name| answer.header(name);
        assert_eq!(header("access-control-allow-origin"), Some("*"));
        assert_eq!(header("access-control-allow-methods"), Some(METHODS));
        assert_eq!(header("access-control-allow-headers"), Some(HEADERS));
        assert_eq!(header("access-control-expose-headers"), Some("Mcp-Session-Id"));
        assert_eq!(header("vary"), Some("Origin"));
        assert_eq!(header("access-control-allow-credentials"), None);
        assert_eq!(header("access-control-max-age"), None);
    }
}

#[test]
fn a_request_without_a_readable_origin_gets_no_cors_header() {
    let proxy = Proxy::of("echo");
    for request in [
        Request::get("/ping"),
        Request::get("/ping").header("Origin", "null"),
        Request::get("/ping").header("Origin", "not a url"),
    ] {
        let answer = proxy.send(&request);
        assert_eq!(answer.status, 200);
        let cors = answer.headers.iter().find(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name == "vary" || name.starts_with("access-control")
        });
        assert_eq!(cors, None, "{request:?}");
    }
}

#[test]
fn a_refused_request_still_has_its_cors_headers() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "secret"]).start();
    let answer = proxy.send(&Request::get("/mcp").header("Origin", "https://app.example"));
    assert_challenged(&answer);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn further_headers_can_be_allowed() {
    let proxy = Launch::new("echo")
        .flags(&["--corsAddAllowedHeader", "X-One", "--corsAddAllowedHeader=X-Two"])
        .start();
    let request = Request::new("OPTIONS", "/mcp").header("Origin", "https://app.example");
    let expected = format!("{HEADERS}, X-One, X-Two");
    let answer = proxy.send(&request);
    assert_eq!(answer.header("access-control-allow-headers"), Some(expected.as_str()));
}

/// What a page sends if its name was rebound to 127.0.0.1.
fn rebound(request: Request) -> Request {
    request.header("Host", "evil.example:8080").header("Origin", "http://evil.example:8080")
}

/// Headers, each of which shows that a browser may have sent the request for a page.
const OF_A_PAGE: [(&str, &str); 4] = [
    ("Origin", "null"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Referer", "http://evil.example:8080/"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
];

#[test]
fn a_foreign_host_is_refused_if_a_browser_may_have_sent_it() {
    let proxy = Proxy::of("echo");
    for request in [Request::mcp(initialize("2025-11-25")), Request::get("/sse")] {
        for (name, value) in OF_A_PAGE {
            let request = request.clone().header("Host", "evil.example:8080").header(name, value);
            assert_eq!(proxy.send(&request).status, 403, "{request:?}");
        }
    }
    for (name, value) in OF_A_PAGE {
        let request = Request::mcp(initialize("2025-11-25")).header(name, value);
        assert_eq!(proxy.send(&request).status, 200, "the Host is meant: {request:?}");
    }
}

#[test]
fn the_operators_ports_are_for_the_names_that_are_meant() {
    let foreign = |host: &str| Request::get("/metrics").header("Host", host);
    let launch = || Launch::new("echo").flags(&["--metricsPort", "0"]);
    let status =
        |proxy: &Proxy, request: &Request| Connection::to(port(proxy)).exchange(request).status;
    let proxy = launch().start();
    assert_eq!(status(&proxy, &foreign("evil.example")), 403);
    assert_eq!(status(&proxy, &Request::get("/livez").header("Host", "evil.example")), 403);
    assert_eq!(status(&proxy, &foreign("localhost")), 200);
    let proxy = launch().flags(&["--allowedHosts", "prometheus.example"]).start();
    assert_eq!(status(&proxy, &foreign("prometheus.example:9090")), 200);
    assert_eq!(status(&proxy, &foreign("evil.example")), 403);
    let proxy = Launch::new("echo").flags(&["--metrics", "--apiKey", "secret"]).start();
    let keyed = |host: &str| foreign(host).header("X-API-Key", "secret");
    assert_eq!(proxy.send(&keyed("evil.example")).status, 403);
    assert_eq!(proxy.send(&keyed("127.0.0.1")).status, 200);
}

/// Differs from mcp-proxy: there a rebound page is served.
#[test]
fn a_rebound_page_is_refused_on_every_endpoint() {
    let proxy = Proxy::of("echo");
    let sse = Request::get("/sse");
    let post = Request::post("/messages?sessionId=x", "{}");
    for request in [Request::mcp(initialize("2025-11-25")), Request::get("/mcp"), sse, post] {
        let answer = proxy.send(&rebound(request));
        assert_eq!(answer.status, 403);
        assert_eq!(answer.json()["jsonrpc"], "2.0");
        assert_eq!(answer.json()["id"], json!(null));
    }
}

#[test]
fn programs_foreign_pages_and_local_pages_are_served() {
    let proxy = Proxy::of("echo");
    let request = Request::mcp(initialize("2025-11-25"));
    for request in [
        request.clone().header("Host", "evil.example"),
        request.clone().header("Origin", "http://evil.example"),
        request.clone().header("Origin", "http://127.0.0.1:9"),
        request.header("Host", "localhost:1").header("Origin", "http://localhost:1"),
    ] {
        assert_eq!(proxy.send(&request).status, 200, "{request:?}");
    }
}

#[test]
fn hosts_can_be_allowed() {
    let request = rebound(Request::mcp(initialize("2025-11-25")));
    for hosts in ["evil.example", "*"] {
        let proxy = Launch::new("echo").flags(&["--allowedHosts", hosts]).start();
        assert_eq!(proxy.send(&request).status, 200, "{hosts}");
    }
    let proxy = Launch::new("echo").flags(&["--allowedHosts", "good.example"]).start();
    assert_eq!(proxy.send(&request).status, 403);
}
