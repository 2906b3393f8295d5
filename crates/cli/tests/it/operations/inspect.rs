//! `--inspect`: a page on a port of its own that shows data only with the token.

use serde_json::{Value, json};

use crate::support::{Connection, LATEST, Launch, Proxy, Request, Response, call, initialize};

/// The page of a proxy.
struct Page {
    port: u16,
    token: String,
}

impl Page {
    fn of(proxy: &Proxy) -> Self {
        let line = proxy.stdout.line(|line| line.contains("#token=")).expect("the URL of the page");
        let (address, token) = line.split_once("/#token=").expect("a token");
        let port = address.rsplit(':').next().expect("a port").parse().expect("a number");
        let mut page = Self { port, token: token.trim().to_owned() };
        let session = page.enter();
        assert_eq!(session.status, 200, "{}", session.text());
        let session: Value = serde_json::from_str(session.text()).expect("JSON");
        page.token = session["token"].as_str().expect("a token").to_owned();
        page
    }

    /// Exchanges the printed token for the lasting one.
    fn enter(&self) -> Response {
        self.send(&self.request("POST", "/api/session"))
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let host = format!("127.0.0.1:{}", self.port);
        Request::new(method, path).header("Host", &host).header("X-Inspect-Token", &self.token)
    }

    fn send(&self, request: &Request) -> Response {
        Connection::to(self.port).exchange(request)
    }

    fn get(&self, path: &str) -> Response {
        self.send(&self.request("GET", path))
    }

    fn lines(&self, path: &str) -> Vec<Value> {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn launch() -> Launch {
    Launch::new("echo").flags(&["--inspect", "--apiKey", "s3cret-key"])
}

fn called(proxy: &Proxy) {
    let keyed = |request: Request| request.header("X-API-Key", "s3cret-key");
    let opened = proxy.send(&keyed(Request::mcp(initialize(LATEST))));
    let id = opened.header("mcp-session-id").expect("a session").to_owned();
    let call = call("1", "echo", r#"{"text":"marker","password":"hunter2"}"#);
    assert_eq!(proxy.send(&keyed(Request::mcp(call).session(&id))).status, 200);
}

#[test]
fn what_happened_before_somebody_looked_is_there_without_secrets() {
    let proxy = launch().start();
    let page = Page::of(&proxy);
    called(&proxy);
    let lines = page.lines("/api/recording");
    assert_eq!(lines[0]["format"], "mcp-proxy-recording");
    for point in ["from-client", "to-server", "from-server", "to-client"] {
        let found = lines.iter().any(|line| {
            line["point"] == point && line["text"].as_str().is_some_and(|it| it.contains("marker"))
        });
        assert!(found, "{point}: {lines:#?}");
    }
    let all = format!("{lines:?}");
    assert!(!all.contains("hunter2") && !all.contains("s3cret-key"), "{all}");
    let raw = launch().flags(&["--inspectRaw"]).start();
    called(&raw);
    assert!(format!("{:?}", Page::of(&raw).lines("/api/recording")).contains("hunter2"));
}

#[test]
fn what_has_come_since_and_one_message_can_be_asked_for() {
    let proxy = launch().start();
    let page = Page::of(&proxy);
    called(&proxy);
    let before = page.lines("/api/events/0");
    assert_eq!(before[0]["format"], "mcp-proxy-recording");
    let next = before.last().expect("a line")["n"].as_u64().expect("a number") + 1;
    assert!(page.lines(&format!("/api/events/{next}")).is_empty());
    called(&proxy);
    let mut since = page.lines(&format!("/api/events/{next}"));
    assert_eq!(since[0]["n"], next);
    let is_answer = |it: &Value| {
        it["point"] == "to-client" && it["text"].as_str().is_some_and(|it| it.contains("marker"))
    };
    let place = since.iter().position(is_answer).expect("the answer");
    let seen = since.swap_remove(place);
    let one = page.lines(&format!("/api/frame/{}", seen["n"]));
    assert_eq!(one, [seen]);
    assert_eq!(page.get("/api/frame/99999").status, 404);
    assert_eq!(page.get("/api/frame/x").status, 400);
}

#[test]
fn servers_are_known_by_their_processes() {
    let proxy = launch().start();
    let state = &Page::of(&proxy).lines("/api/state")[0];
    assert_eq!((&state["console"], &state["redacted"]), (&json!(true), &json!(true)));
    let server = &state["servers"][0];
    assert!(server["pid"].as_u64().is_some_and(|pid| pid > 1), "{state}");
    assert!(server["name"].as_str().is_some_and(|name| name.contains("fixture")), "{state}");
}

#[test]
fn the_page_holds_no_data_and_brings_all_it_needs() {
    let proxy = launch().start();
    let page = Page::of(&proxy);
    called(&proxy);
    let html = page.send(&page.request("GET", "/").without("X-Inspect-Token"));
    assert_eq!(html.status, 200);
    assert!(!html.text().contains(&page.token) && !html.text().contains("marker"));
    let policy = html.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")]
    {
        assert_eq!(html.header(name), Some(value));
    }
    assert!(!html.text().contains("http://") && !html.text().contains("https://"));
    for path in ["/page.css", "/page.mjs", "/model.mjs"] {
        assert_eq!(page.get(path).status, 200, "{path}");
    }
}

#[test]
fn nobody_else_is_shown_anything() {
    let proxy = launch().start();
    let page = Page::of(&proxy);
    let paths = [
        ("GET", "/api/events/0"),
        ("GET", "/api/recording"),
        ("GET", "/api/otlp"),
        ("GET", "/api/state"),
        ("GET", "/api/frame/0"),
        ("POST", "/api/console"),
        ("POST", "/api/console/1"),
    ];
    for (method, path) in paths {
        let request = || page.request(method, path).without("X-Inspect-Token");
        assert_eq!(page.send(&request()).status, 401, "{path}");
        let wrong = request().header("X-Inspect-Token", &page.token.replace(|_: char| true, "0"));
        assert_eq!(page.send(&wrong).status, 401, "{path}");
        let cookie = request().header("Cookie", &format!("token={}", page.token));
        assert_eq!(page.send(&cookie).status, 401, "{path}");
        for (name, value) in [
            ("Host", "evil.example"),
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
        ] {
            let foreign = page.request(method, path).without(name).header(name, value);
            assert_eq!(page.send(&foreign).status, 403, "{path} {name}: {value}");
        }
    }
    // The clients' port does not serve it.
    for path in ["/page.mjs", "/api/events/0", "/api/state"] {
        let request = Request::get(path).header("X-Inspect-Token", &page.token);
        assert_eq!(proxy.send(&request.header("X-API-Key", "s3cret-key")).status, 404, "{path}");
    }
}

#[test]
fn the_token_of_the_url_is_good_for_one_use_and_the_next_is_printed() {
    let proxy = launch().start();
    let line = proxy.stdout.line(|line| line.contains("#token=")).expect("the URL of the page");
    let printed = line.split_once("#token=").expect("a token").1.trim().to_owned();
    let page = Page::of(&proxy);
    assert_ne!(page.token, printed);
    assert_eq!(page.get("/api/state").status, 200);
    let used = Page { port: page.port, token: printed };
    // It was used, and is not the one that requests for data need.
    assert_eq!(used.get("/api/state").status, 401);
    for _ in 0..3 {
        let refused = used.enter();
        assert_eq!(refused.status, 401);
        assert!(refused.text().contains("used already"), "{}", refused.text());
    }
    let line = proxy.stderr.line(|line| line.contains("#token=")).expect("the next URL");
    let next = line.split_once("#token=").expect("a token").1.trim().to_owned();
    assert_eq!(Page { port: page.port, token: next }.enter().status, 200);
    let stderr = proxy.terminate().stderr;
    assert_eq!(stderr.matches("#token=").count(), 1, "{stderr}");
}

#[test]
fn what_is_kept_can_be_had_as_records_of_opentelemetry() {
    let proxy = launch().start();
    let page = Page::of(&proxy);
    called(&proxy);
    let requests = page.lines("/api/otlp");
    let records = &requests[0]["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    let records = records.as_array().expect("records");
    let is_marked = |record: &&Value| {
        record["body"]["stringValue"].as_str().is_some_and(|text| text.contains("marker"))
    };
    assert_eq!(records.iter().filter(is_marked).count(), 4, "{requests:?}");
    let time = records[0]["timeUnixNano"].as_str().and_then(|time| time.parse::<u64>().ok());
    assert!(time > Some(1_700_000_000_000_000_000), "{time:?}");
    assert!(!format!("{requests:?}").contains("hunter2"));
}

#[test]
fn the_console_is_a_client_of_the_server() {
    let proxy = launch().start();
    let page = Page::of(&proxy);
    let mut console = Console::open(&page);
    let answer = console.ask(&page, &initialize(LATEST));
    assert!(answer.contains("serverInfo"), "{answer}");
    let answer = console.ask(&page, &call("7", "echo", r#"{"text":"from the console"}"#));
    assert!(answer.contains("from the console"), "{answer}");
    let request = |id: u64| page.request("POST", &format!("/api/console/{id}"));
    assert_eq!(page.send(&request(console.id).body("{}\n{}")).status, 400);
    assert_eq!(page.send(&request(99).body("{}")).status, 404);
}

struct Console {
    incoming: crate::support::Incoming,
    body: Vec<u8>,
    read: usize,
    id: u64,
}

impl Console {
    fn open(page: &Page) -> Self {
        let incoming = Connection::to(page.port).begin(&page.request("POST", "/api/console"));
        assert_eq!(incoming.status, 200);
        let mut console = Self { incoming, body: Vec::new(), read: 0, id: 0 };
        let first: Value = serde_json::from_str(&console.line()).expect("JSON");
        console.id = first["console"].as_u64().expect("a number");
        console
    }

    fn line(&mut self) -> String {
        loop {
            let rest = &self.body[self.read..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&rest[..end]).into_owned();
                self.read += end + 1;
                return line;
            }
            assert!(self.incoming.more(&mut self.body), "the console was closed");
        }
    }

    fn ask(&mut self, page: &Page, message: &str) -> String {
        let request = page.request("POST", &format!("/api/console/{}", self.id)).body(message);
        assert_eq!(page.send(&request).status, 202);
        self.line()
    }
}

#[test]
fn a_port_that_is_taken_is_said_and_nothing_is_left() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let finished = Launch::new("echo").flag("--inspectPort", &port).run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("--inspectPort"), "{}", finished.stderr);
}
