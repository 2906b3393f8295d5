//! What values mean, what is refused, and in which order.

use std::{path::PathBuf, time::Duration};

use mcp_proxy_core::config::{
    AllowedHosts, CallbackConfig, CallbackHost, CommandConfig, CorsConfig,
    DEFAULT_CONNECTION_TIMEOUT, DEFAULT_EVENT_STORE_MAX_EVENTS, DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT,
    DEFAULT_HOST, DEFAULT_KEEP_ALIVE_TIMEOUT, DEFAULT_MAX_BODY_SIZE, DEFAULT_MAX_LINE_SIZE,
    DEFAULT_PORT, DEFAULT_REQUEST_TIMEOUT, DEFAULT_SESSION_IDLE_TIMEOUT, DEFAULT_SSE_ENDPOINT,
    DEFAULT_STREAM_ENDPOINT, HttpConfig, PresentedToken, RemoteConfig, RemoteTransport,
    ResourceParameter, RestartWhen, Upstream, UpstreamConfig, UpstreamProtocol,
};

use super::Options;
use crate::args::{Invocation, parse};

type Variables<'a> = [(&'a str, &'a str)];

fn attempt(line: &[&str], variables: &Variables<'_>) -> Result<Options, String> {
    let argv = line.iter().map(Into::into).collect();
    match parse(argv, &variables.iter().copied().collect()) {
        Ok(Invocation::Serve(typed)) => Options::try_from(typed).map_err(|error| error.to_string()),
        Ok(Invocation::Print(text)) => panic!("{line:?} prints {text}"),
        Err(error) => Err(error.to_string()),
    }
}

/// The options of a command line whose command is `node s.js`.
fn options(flags: &[&str]) -> Options {
    let line: Vec<&str> = flags.iter().copied().chain(["--", "node", "s.js"]).collect();
    attempt(&line, &[]).unwrap_or_else(|error| panic!("{flags:?} is refused: {error}"))
}

fn http(flags: &[&str]) -> HttpConfig {
    options(flags).proxy.http
}

fn refusal(flags: &[&str]) -> String {
    let line: Vec<&str> = flags.iter().copied().chain(["--", "node", "s.js"]).collect();
    attempt(&line, &[]).map_or_else(|error| error, |_| format!("{flags:?} is accepted"))
}

fn refusal_of_variable(name: &str, value: &str) -> String {
    attempt(&["node"], &[(name, value)])
        .map_or_else(|error| error, |_| format!("{name}={value} is accepted"))
}

fn child(upstream: Upstream) -> UpstreamConfig {
    match upstream {
        Upstream::Command(config) => *config,
        other => panic!("no command: {other:?}"),
    }
}

fn refused(words: &[&str]) -> String {
    attempt(words, &[]).map_or_else(|error| error, |_| format!("{words:?} is accepted"))
}

fn remote(words: &[&str]) -> (RemoteConfig, bool, Vec<String>) {
    match attempt(words, &[]) {
        Ok(Options { proxy, stdio, warnings, .. }) => match proxy.upstream {
            Upstream::Remote(config) => (*config, stdio, warnings),
            other => panic!("{words:?}: {other:?}"),
        },
        Err(refusal) => panic!("{words:?}: {refusal}"),
    }
}

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

#[test]
fn without_flags_everything_is_the_default_of_the_core() {
    let Options {
        proxy,
        stdio,
        logging,
        tunnel,
        exit_on_child_death,
        threads,
        warnings,
        recording,
        inspection,
    } = options(&[]);
    assert!(!stdio && !logging.debug && !exit_on_child_death && tunnel.is_none());
    assert!(recording.is_none() && inspection.is_none());
    assert!(matches!(&warnings[..], [one] if one.contains("without authentication")));
    assert_eq!(threads, 1);
    assert_eq!(format!("{:?}", proxy.http), format!("{:?}", HttpConfig::default()));
    assert_eq!(proxy.graceful_shutdown_timeout, DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT);
    let mut upstream = child(proxy.upstream);
    assert_eq!(upstream.connection_timeout, DEFAULT_CONNECTION_TIMEOUT);
    assert_eq!(upstream.request_timeout, Some(DEFAULT_REQUEST_TIMEOUT));
    assert_eq!(upstream.protocol, UpstreamProtocol::Legacy);
    let command = std::mem::replace(&mut upstream.command, CommandConfig::new("x"));
    assert_eq!(
        format!("{upstream:?}"),
        format!("{:?}", UpstreamConfig::new(CommandConfig::new("x")))
    );
    assert_eq!((command.program, command.args), ("node".into(), vec!["s.js".into()]));
    assert!(
        !command.shell && command.inherit_env && command.cwd.is_none() && command.env.is_empty()
    );
    assert_eq!(command.max_line_size, DEFAULT_MAX_LINE_SIZE);
}

#[test]
fn defaults_are_those_of_the_core_in_help_too() {
    let Ok(Invocation::Print(help)) =
        parse(vec!["--help".into()], &std::iter::empty::<(&str, &str)>().collect())
    else {
        panic!("--help prints nothing");
    };
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for (flag, default) in [
        ("--port <n>", DEFAULT_PORT.to_string()),
        ("--host <host>", DEFAULT_HOST.to_owned()),
        ("--streamEndpoint <path>", DEFAULT_STREAM_ENDPOINT.to_owned()),
        ("--sseEndpoint <path>", DEFAULT_SSE_ENDPOINT.to_owned()),
        ("--server <transport>", "both".to_owned()),
        ("--upstreamProtocol <era>", "legacy".to_owned()),
        ("--modern", "true; --no-modern turns it off".to_owned()),
        ("--eventStore", "true; --no-eventStore turns it off".to_owned()),
        ("--eventStoreMaxEvents <n>", DEFAULT_EVENT_STORE_MAX_EVENTS.to_string()),
        ("--sessionIdleTimeout <ms>", DEFAULT_SESSION_IDLE_TIMEOUT.as_millis().to_string()),
        ("--maxBodySize <bytes>", DEFAULT_MAX_BODY_SIZE.to_string()),
        ("--maxLineSize <bytes>", DEFAULT_MAX_LINE_SIZE.to_string()),
        ("--threads <n>", "1".to_owned()),
        ("--connectionTimeout <ms>", DEFAULT_CONNECTION_TIMEOUT.as_millis().to_string()),
        ("--requestTimeout <ms>", DEFAULT_REQUEST_TIMEOUT.as_millis().to_string()),
        ("--keepAliveTimeout <ms>", DEFAULT_KEEP_ALIVE_TIMEOUT.as_millis().to_string()),
        (
            "--gracefulShutdownTimeout <ms>",
            DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT.as_millis().to_string(),
        ),
    ] {
        let entry =
            help.split(" --").find(|entry| format!("--{entry}").starts_with(&format!("{flag} ")));
        let start = entry.map(|entry| entry.as_ptr() as usize - help.as_ptr() as usize);
        let text = &help[start.unwrap_or_else(|| panic!("{flag} is not in --help"))..];
        let shown = text.split("[default: ").nth(1).and_then(|text| text.split(']').next());
        assert_eq!(shown, Some(default.as_str()), "{flag}");
    }
}

#[test]
fn every_flag_reaches_its_place() {
    let flags = "--port 0 --host 127.0.0.1 --stateless --no-modern --apiKey 123 --eventStoreMaxEvents 5 \
                 --keepAliveTimeout 1 --maxBodySize 2 --sessionIdleTimeout 3 --sslCa a --sslCert b --sslKey c \
                 --upstreamProtocol auto --connectionTimeout 4 --requestTimeout 5 --shell --maxLineSize 6 \
                 --gracefulShutdownTimeout 0 --debug --tunnel --tunnelSubdomain name --threads 4";
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let Options { proxy, logging, tunnel, threads, .. } = options(&flags);
    let (http, upstream) = (proxy.http, child(proxy.upstream));
    assert_eq!((http.port, http.host.as_str()), (0, "127.0.0.1"));
    assert!(http.stateless && !http.modern && !http.enable_json_response);
    assert!(http.auth.api_key.is_some_and(|key| key.is(b"123")));
    assert_eq!(http.event_store.map(|store| store.max_events), Some(5));
    assert_eq!((http.keep_alive_timeout, http.session_idle_timeout), (millis(1), Some(millis(3))));
    assert_eq!(http.max_body_size, Some(2));
    let files = http.tls.map(|tls| [tls.ca, tls.cert, tls.key]);
    assert_eq!(files, Some(["a", "b", "c"].map(|file| Some(PathBuf::from(file)))));
    assert_eq!(upstream.protocol, UpstreamProtocol::Auto);
    assert_eq!(
        (upstream.connection_timeout, upstream.request_timeout),
        (millis(4), Some(millis(5)))
    );
    assert!(upstream.command.shell);
    assert_eq!(upstream.command.max_line_size, 6);
    assert_eq!(proxy.graceful_shutdown_timeout, Duration::ZERO);
    assert!(logging.debug);
    assert_eq!(tunnel.and_then(|tunnel| tunnel.subdomain).as_deref(), Some("name"));
    assert_eq!(threads, 4);
}

#[test]
fn zero_lifts_limits() {
    assert_eq!(child(options(&["--requestTimeout", "0"]).proxy.upstream).request_timeout, None);
    assert_eq!(http(&["--maxBodySize", "0"]).max_body_size, None);
    assert_eq!(http(&["--sessionIdleTimeout", "0"]).session_idle_timeout, None);
    assert!(
        http(&["--keepAliveTimeout", "0"]).keep_alive_timeout > Duration::from_secs(1_000_000_000)
    );
    assert!(http(&["--no-eventStore"]).event_store.is_none());
    assert!(http(&["--requestTimeout", "0"]).event_store.is_some());
}

#[test]
fn server_and_endpoint_choose_the_legs() {
    for (flags, stream, sse) in [
        (vec!["--server", "sse"], None, Some("/sse")),
        (vec!["--server", "stream"], Some("/mcp"), None),
        (vec!["--server", "stream", "--endpoint", "/x"], Some("/x"), None),
        (vec!["--server", "sse", "--endpoint", "/x"], None, Some("/x")),
        (
            vec!["--server", "stream", "--endpoint", "/x", "--streamEndpoint", "/y"],
            Some("/y"),
            None,
        ),
        (vec!["--server", "stream", "--endpoint", "/x", "--sseEndpoint", "/y"], Some("/x"), None),
        (vec!["--server", "sse", "--endpoint", "", "--sse-endpoint=/y"], None, Some("/y")),
        (vec!["--server", "sse", "--endpoint="], None, Some("/sse")),
        (vec!["--endpoint", "/x"], Some("/mcp"), Some("/sse")),
        (vec!["--sseEndpoint="], Some("/mcp"), None),
        (vec!["--streamEndpoint", ""], None, Some("/sse")),
        (vec!["--streamEndpoint", "/a/b", "--sseEndpoint", "/"], Some("/a/b"), Some("/")),
    ] {
        let http = http(&flags);
        assert_eq!(
            (http.stream_endpoint.as_deref(), http.sse_endpoint.as_deref()),
            (stream, sse),
            "{flags:?}"
        );
    }
    for flags in [
        vec!["--streamEndpoint=", "--sseEndpoint="],
        vec!["--server", "sse", "--sseEndpoint="],
        vec!["--server", "stream", "--streamEndpoint=", "--endpoint", "/x"],
    ] {
        assert!(refusal(&flags).starts_with("Error: nothing to serve"), "{flags:?}");
    }
}

#[test]
fn endpoints_are_paths() {
    for flag in ["streamEndpoint", "sseEndpoint", "endpoint"] {
        for value in ["mcp", "http://x/mcp", "/a?b", "/a#b", "/a b"] {
            let refusal = refusal(&["--server", "stream", &format!("--{flag}={value}")]);
            let expected =
                format!("Error: --{flag} must be a path that begins with / (got {value}).");
            // The path of a disabled endpoint is not checked.
            assert!(flag == "sseEndpoint" || refusal.starts_with(&expected), "{refusal}");
        }
    }
}

#[test]
fn allowed_hosts_are_names_and_a_star_lifts_the_check() {
    for (flags, expected) in [
        (
            vec!["--allowedHosts", "A.example,b.example:8080", "--allowed-hosts= c , "],
            vec!["a.example", "b.example", "c"],
        ),
        (vec!["--allowedHosts", "[::1]:80", "[::1]", "fe80::1"], vec!["[::1]", "[::1]", "fe80::1"]),
        (vec!["--allowedHosts", ""], vec![]),
    ] {
        let AllowedHosts::Only(hosts) = http(&flags).allowed_hosts else {
            panic!("{flags:?} lifts the check")
        };
        assert_eq!(hosts, expected, "{flags:?}");
    }
    assert!(matches!(http(&["--allowedHosts", "a,*"]).allowed_hosts, AllowedHosts::Any));
    let variables = [("MCP_PROXY_ALLOWED_HOSTS", "a,b")];
    let hosts = attempt(&["node"], &variables).map(|options| options.proxy.http.allowed_hosts);
    assert!(matches!(hosts, Ok(AllowedHosts::Only(hosts)) if hosts == ["a", "b"]));
}

#[test]
fn headers_are_added_after_the_default_ones() {
    let defaults = CorsConfig::default().allowed_headers;
    let cors = http(&["--corsAddAllowedHeader", "X-API-Key", "--corsAddAllowedHeader", "X-B"]).cors;
    let headers = cors.map(|cors| cors.allowed_headers).unwrap_or_default();
    assert_eq!(headers[..defaults.len()], defaults);
    assert_eq!(headers[defaults.len()..], ["X-API-Key", "X-B"]);
}

#[test]
fn an_empty_key_is_refused_wherever_it_comes_from() {
    let refused = "Error: --apiKey must be a non-empty text (got an empty one). \
                   Leave it out to serve without authentication.\n  given: ";
    assert_eq!(refusal(&["--apiKey="]), format!("{refused}--apiKey="));
    assert_eq!(refusal(&["--apiKey", ""]), format!("{refused}--apiKey="));
    assert_eq!(
        refusal_of_variable("MCP_PROXY_API_KEY", ""),
        format!("{refused}MCP_PROXY_API_KEY=")
    );
}

#[test]
fn numbers_are_refused_with_flag_value_and_range() {
    for (flag, range, bad) in [
        ("port", "from 0 to 65535", vec!["-1", "65536", "99999", "1e9", "-5"]),
        ("threads", "from 1 to 1024", vec!["0", "-1", "1025"]),
        ("connectionTimeout", ">= 1", vec!["0", "-1"]),
        ("requestTimeout", ">= 0", vec!["-1"]),
        ("keepAliveTimeout", ">= 0", vec!["-1"]),
        ("gracefulShutdownTimeout", ">= 0", vec!["-1"]),
        ("maxLineSize", ">= 1", vec!["0", "-1"]),
    ] {
        for value in bad {
            let expected = format!("Error: --{flag} must be a number {range} (got ");
            let refusal = refusal(&[&format!("--{flag}"), value]);
            assert!(refusal.starts_with(&expected), "{refusal}");
            assert!(refusal.ends_with(&format!("\n  given: --{flag} {value}")), "{refusal}");
        }
        let expected =
            format!("Error: --{flag} must be a number {range} (got NaN).\n  given: --{flag} ten");
        assert_eq!(refusal(&[&format!("--{flag}=ten")]), expected);
        let expected = format!(
            "Error: --{flag} must be a whole number {range} (got 10.5).\n  given: --{flag} 10.5"
        );
        assert_eq!(refusal(&[&format!("--{flag}=10.5")]), expected);
    }
    assert_eq!(
        refusal_of_variable("MCP_PROXY_PORT", "tcp://10.0.0.1:8080"),
        "Error: --port must be a number from 0 to 65535 (got NaN).\n  given: MCP_PROXY_PORT=tcp://10.0.0.1:8080"
    );
}

#[test]
fn numbers_are_read_in_the_spellings_of_the_original() {
    for (value, port) in
        [("9", 9), ("0x10", 16), ("1e3", 1000), ("007", 7), (" 80 ", 80), ("65535", 65535)]
    {
        assert_eq!(http(&["--port", value]).port, port, "{value}");
    }
    assert_eq!(http(&["--maxBodySize", "1e7"]).max_body_size, Some(10_000_000));
    assert!(
        http(&["--maxBodySize", "Infinity"]).max_body_size.is_some_and(|limit| limit > 1 << 31)
    );
}

#[test]
fn the_three_checks_of_the_original_keep_their_words() {
    let store = "Error: --eventStoreMaxEvents must be a number >= 1 (got 0). \
                 Use --no-eventStore to disable the event store instead.";
    let body = "Error: --maxBodySize must be a number >= 0 (got -1.5). \
                Use --maxBodySize 0 to disable the limit instead.";
    let idle = "Error: --sessionIdleTimeout must be a number >= 0 (got NaN). \
                Use --sessionIdleTimeout 0 to keep sessions until their client sends DELETE instead.";
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    assert_eq!(first_line(refusal(&["--eventStoreMaxEvents", "0"])), store);
    assert_eq!(first_line(refusal(&["--no-eventStore", "--eventStoreMaxEvents", "0"])), store);
    assert_eq!(first_line(refusal(&["--maxBodySize", "-1.50"])), body);
    assert_eq!(first_line(refusal(&["--sessionIdleTimeout", "abc"])), idle);
}

#[test]
fn of_several_faults_the_originals_first_is_named() {
    let faults = [
        ("--upstreamProtocol=x", "Invalid values:\n  Argument: upstreamProtocol"),
        ("--eventStoreMaxEvents=x", "Error: --eventStoreMaxEvents"),
        ("--maxBodySize=x", "Error: --maxBodySize"),
        ("--sessionIdleTimeout=x", "Error: --sessionIdleTimeout"),
    ];
    for (index, (_, expected)) in faults.iter().enumerate() {
        let line: Vec<&str> = faults[index..].iter().map(|(fault, _)| *fault).rev().collect();
        let refusal = attempt(&line, &[]).map(|_| ()).unwrap_err();
        assert!(refusal.starts_with(expected), "{line:?}: {refusal}");
    }
    assert!(
        attempt(&["--port=x"], &[])
            .is_err_and(|error| error.starts_with("Error: No command specified."))
    );
}

#[test]
fn choices_are_refused_in_the_originals_words_all_at_once() {
    assert_eq!(
        refusal(&["--server", "foo", "--upstream-protocol", "Legacy"]),
        "Invalid values:\n  Argument: server, Given: \"foo\", Choices: \"sse\", \"stream\"\n  \
         Argument: upstreamProtocol, Given: \"Legacy\", Choices: \"legacy\", \"auto\", \"modern\""
    );
    assert_eq!(
        refusal_of_variable("MCP_PROXY_SERVER", ""),
        "Invalid values:\n  Argument: server, Given: \"\", Choices: \"sse\", \"stream\""
    );
}

#[test]
fn switches_of_the_environment_are_read_in_every_usual_spelling() {
    for (value, expected) in [
        ("true", true),
        ("1", true),
        ("yes", true),
        ("on", true),
        ("TRUE", true),
        ("false", false),
        ("0", false),
        ("no", false),
        ("off", false),
        ("Off", false),
    ] {
        for (name, read) in [
            ("MCP_PROXY_MODERN", (|options| options.proxy.http.modern) as fn(Options) -> bool),
            ("MCP_PROXY_DEBUG", |options| options.logging.debug),
            ("MCP_PROXY_EVENT_STORE", |options| options.proxy.http.event_store.is_some()),
        ] {
            assert_eq!(
                attempt(&["node"], &[(name, value)]).map(read),
                Ok(expected),
                "{name}={value}"
            );
        }
    }
    for value in ["", "2", "maybe"] {
        let refusal = refusal_of_variable("MCP_PROXY_MODERN", value);
        let expected = "Error: --modern must be true, 1, yes, on, false, 0, no or off";
        assert!(refusal.starts_with(expected), "{refusal}");
        assert!(refusal.ends_with(&format!("\n  given: MCP_PROXY_MODERN={value}")), "{refusal}");
    }
}

#[test]
fn https_needs_a_certificate_and_its_key() {
    assert!(refusal(&["--sslCert", "a"]).contains("(missing: --sslKey)"));
    assert!(refusal(&["--sslKey", "a"]).contains("(missing: --sslCert)"));
    assert!(refusal(&["--sslCa", "a"]).contains("(missing: both of them)"));
    assert!(http(&["--sslCert=", "--sslKey="]).tls.is_none());
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    for (line, warning) in [
        (vec!["--shell", "--", "node", "a b"], "--shell joins the words"),
        (vec!["--shell", "/opt/my tools/x", "y"], "--shell joins the words"),
        (vec!["--endpoint", "/x", "n"], "--endpoint has no effect"),
        (vec!["a", "b", "--", "n"], "ignored before --: a b;"),
    ] {
        let options = attempt(&line, &[("MCP_PROXY_HOST", "127.0.0.1")]);
        let warnings = options.map(|options| options.warnings).unwrap_or_default();
        assert_eq!(warnings.len(), 1, "{line:?}: {warnings:?}");
        assert!(warnings[0].starts_with(warning), "{line:?}: {warnings:?}");
    }
    for line in [
        vec!["--shell", "--", "node s.js"],
        vec!["--", "node", "a b"],
        vec!["--server", "sse", "--endpoint", "/x", "n"],
    ] {
        let options = attempt(&line, &[("MCP_PROXY_HOST", "127.0.0.1")]);
        let warnings = options.map(|options| options.warnings);
        assert_eq!(warnings, Ok(Vec::new()), "{line:?}");
    }
}

#[test]
fn the_key_is_not_in_what_is_logged() {
    let shown = format!("{:?}", options(&["--apiKey", "s3cr3t"]));
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn restarts_are_left_to_others_only_where_nothing_else_is_said() {
    let when = |flags: &[&str]| child(options(flags).proxy.upstream).restart.when;
    assert_eq!(when(&[]), RestartWhen::OnFailure);
    assert_eq!(when(&["--exitOnChildDeath"]), RestartWhen::Never);
    assert_eq!(when(&["--exitOnChildDeath", "--restart", "always"]), RestartWhen::Always);
    assert_eq!(child(options(&["--maxRestarts", "0"]).proxy.upstream).restart.max_restarts, None);
}

#[test]
fn pings_are_sent_only_when_asked_for() {
    let ping = |flags: &[&str]| child(options(flags).proxy.upstream).ping.map(|ping| ping.timeout);
    assert_eq!(ping(&["--pingTimeout", "5"]), None);
    assert_eq!(ping(&["--pingInterval", "1", "--pingTimeout", "5"]), Some(millis(5)));
}

#[test]
fn variables_of_the_command_line_win_over_those_of_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "A=file\nB=file\n").unwrap();
    let path = file.path().to_str().unwrap();
    let env =
        child(options(&["--envFile", path, "--env", "A=line", "--env", "C=a=b"]).proxy.upstream);
    let env: Vec<_> = env.command.env.iter().map(|(name, value)| (&**name, &**value)).collect();
    let expected = [("A", "line"), ("B", "file"), ("C", "a=b")];
    assert_eq!(env, expected.map(|(name, value)| (name.as_ref(), value.as_ref())));
}

#[test]
fn a_variable_that_is_no_pair_is_refused_without_its_value() {
    assert_eq!(
        refusal(&["--env", "=hunter2"]),
        "Error: --env takes NAME=value (got \"\" for the name)"
    );
    assert!(refusal(&["--envFile", "/nowhere/at/all"]).starts_with("Error: --envFile /nowhere"));
}

#[test]
fn a_url_in_place_of_a_command_is_a_remote_server() {
    for words in [
        &["https://host/mcp"][..],
        &["--connect", "https://host/mcp"],
        &["HTTPS://host/mcp", "--restartWait", "7"],
    ] {
        let (config, stdio, warnings) = remote(words);
        assert!(config.url.eq_ignore_ascii_case("https://host/mcp"), "{words:?}");
        assert!(stdio && warnings.is_empty(), "{words:?}: {warnings:?}");
    }
    let (config, stdio, _) = remote(&["https://host/mcp", "--port", "0", "--transport", "sse"]);
    assert_eq!((config.transport, stdio), (RemoteTransport::Sse, false));
    let (config, _, _) = remote(&["https://host/mcp", "--restartWait", "7"]);
    assert_eq!(config.wait, millis(7));
}

#[test]
fn nothing_but_flags_goes_with_a_url() {
    for words in [
        &["https://host/mcp", "word"][..],
        &["--connect", "https://host/mcp", "node"],
        &["--connect", "https://host/mcp", "https://host/other"],
        &["--", "https://host/mcp", "--port", "1"],
    ] {
        let refusal = attempt(words, &[]).map(|_| ()).unwrap_err();
        assert!(
            refusal.contains("the URL of a remote server takes no arguments"),
            "{words:?}: {refusal}"
        );
    }
}

#[test]
fn headers_come_from_the_line_the_file_and_the_environment() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "# comment\n\nX-One: file\nX-Two: a: b\n").unwrap();
    let path = file.path().to_str().unwrap();
    let (config, _, _) =
        remote(&["http://h", "--headerFile", path, "--header", "x-one: line", "--header=A:"]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(config.headers, [pair("X-Two", "a: b"), pair("x-one", "line"), pair("A", "")]);

    let refused = |words: &[&str]| attempt(words, &[]).map(|_| ()).unwrap_err();
    let refusal = refused(&["http://h", "--header", "secret-without-colon"]);
    assert!(refusal.contains("--header takes"), "{refusal}");
    std::fs::write(file.path(), "X-One: 1\nhidden secret\n").unwrap();
    let refusal = refused(&["http://h", "--headerFile", path]);
    assert!(refusal.contains("line 2") && !refusal.contains("hidden"), "{refusal}");
}

#[test]
fn the_bearer_token_stays_out_of_the_process_list() {
    let token = |words: &[&str], variables: &[(&str, &str)]| {
        let options = attempt(words, variables).unwrap();
        let Upstream::Remote(config) = options.proxy.upstream else { panic!("no remote") };
        config.bearer_token
    };
    let variable = [("MCP_PROXY_BEARER_TOKEN", "from-variable")];
    assert_eq!(token(&["http://h"], &variable), Some("from-variable".to_owned()));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from-file\n").unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(token(&["http://h", "--bearerTokenFile", path], &[]), Some("from-file".to_owned()));
    std::fs::write(file.path(), "\n").unwrap();
    let refusal = attempt(&["http://h", "--bearerTokenFile", path], &[]).map(|_| ()).unwrap_err();
    assert!(refusal.contains("it is empty"), "{refusal}");
    let refusal = attempt(&["http://h", "--bearerToken="], &[]).map(|_| ()).unwrap_err();
    assert!(refusal.contains("non-empty"), "{refusal}");
}

#[test]
fn flags_without_effect_on_a_remote_server_are_named() {
    let (_, _, warnings) = remote(&["http://h", "--apiKey", "k", "--tunnel", "--insecure"]);
    let all = warnings.join("\n");
    assert!(all.contains("NO CERTIFICATE IS CHECKED"), "{all}");
    assert!(
        all.contains("no effect without --port") && all.contains("--apiKey, --tunnel"),
        "{all}"
    );
}

#[test]
fn credentials_that_are_given_are_not_asked_for() {
    let oauth = |words: &[&str]| remote(words).0.oauth;
    assert!(oauth(&["http://h"]).is_some_and(|oauth| !oauth.headless && oauth.client_id.is_none()));
    for words in [
        &["http://h", "--bearerToken", "t"][..],
        &["http://h", "--header", "authorization: Basic x"],
        &["http://h", "--no-oauth"],
    ] {
        assert!(oauth(words).is_none(), "{words:?}");
    }
    let config = oauth(&["http://h", "--clientId", "c", "--tokenDir", "/t", "--headless"]).unwrap();
    assert_eq!((config.client_id.as_deref(), config.headless), (Some("c"), true));
    assert_eq!(config.directory, std::path::Path::new("/t"));
    let refusal = attempt(&["http://h", "--grant", "client-credentials", "--clientId", "c"], &[]);
    assert!(refusal.map(|_| ()).unwrap_err().contains("--clientSecret"));
    for (flags, lacks) in [
        (&["--grant", "jwt-bearer", "--clientId", "c"][..], "--assertion"),
        (&["--grant", "jwt-bearer", "--assertion", "/a"], "--clientId"),
        (&["--idpTokenEndpoint", "https://idp/token"], "--idpClientId"),
        (&["--idpClientId", "c"], "--idpTokenEndpoint"),
    ] {
        let refusal = attempt(&[&["http://h"], flags].concat(), &[]).map(|_| ()).unwrap_err();
        assert!(refusal.contains(lacks), "{refusal}");
    }
}

#[test]
fn variables_in_what_is_sent_are_filled_in() {
    let set = std::env::var("PATH").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    std::fs::write(&file, "X-File: a ${PATH}\n").unwrap();
    let path = file.to_str().unwrap();
    let line = ["http://h", "--headerFile", path, "--header", "Authorization:${PATH}"];
    let (config, ..) = remote(&line);
    let pair = |name: &str, value: String| (name.to_owned(), value);
    assert_eq!(
        config.headers,
        [pair("X-File", format!("a {set}")), pair("Authorization", set.clone())]
    );
    let (config, ..) = remote(&["http://h", "--bearerToken", "${PATH}"]);
    assert_eq!(config.bearer_token, Some(set));
    for (flag, line) in [
        ("--header", ["--header", "A: ${NO_SUCH_VARIABLE}"]),
        ("--bearerToken", ["--bearerToken", "${NO_SUCH_VARIABLE}"]),
    ] {
        let refusal = refused(&["http://h", line[0], line[1]]);
        assert_eq!(refusal, format!("Error: {flag}: the variable NO_SUCH_VARIABLE is not set"));
    }
}

#[test]
fn a_header_that_came_apart_is_put_together() {
    for line in [
        &["--header", "Authorization:", "Bearer", "t0k", "http://h"][..],
        &["http://h", "--header", "Authorization:", "Bearer", "t0k"],
        &["--connect", "http://h", "--header", "Authorization:", "Bearer", "t0k"],
        &["http://h", "--header", "Authorization: ", "Bearer", "t0k", "--debug"],
        &["http://h", "--header", "A: b", "--header", "Authorization:", "Bearer", "t0k"],
    ] {
        let (config, _, warnings) = remote(line);
        let joined = config.headers.last().map(|(name, value)| (name.as_str(), value.as_str()));
        assert_eq!(joined, Some(("Authorization", "Bearer t0k")), "{line:?}");
        let said = warnings.join("\n");
        assert!(said.contains("--bearerToken") && !said.contains("t0k"), "{said}");
    }
    for scheme in ["bearer", "BASIC", "Token", "DPoP"] {
        let (config, ..) = remote(&["--header", "authorization:", scheme, "x==", "http://h"]);
        assert_eq!(config.headers[0].1, format!("{scheme} x=="));
    }
    for line in [
        &["--header", "Authorization:", "Bearer", "http://h"][..],
        &["http://h", "--header", "Authorization:", "Bearer"],
        &["http://h", "--header", "Authorization:", "Bearer", "--debug"],
    ] {
        let refusal = refused(line);
        assert!(refusal.contains("--bearerToken"), "{refusal}");
    }
    let (config, ..) = remote(&["http://h", "--header", "\"Authorization: Bearer x\""]);
    assert_eq!(config.headers, [("Authorization".to_owned(), "Bearer x".to_owned())]);
}

#[test]
fn an_address_without_a_scheme_is_told_of() {
    for word in [
        "localhost:8080/mcp",
        "127.0.0.1:9",
        "example.com:443",
        "[::1]:8080/mcp",
        "localhost/mcp",
        "mcp.example.com/mcp",
        "mcp.example-1.co.uk/",
    ] {
        let refusal = refused(&[word]);
        assert!(refusal.contains(&format!("http://{word} or https://{word}")), "{refusal}");
    }
    for word in [
        "//example.com/mcp",
        "ws://example.com/mcp",
        "htp://example.com/mcp",
        "http:/example.com/mcp",
        "HTTPS:/example.com/mcp",
    ] {
        let refusal = refused(&[word]);
        assert!(refusal.contains("http://example.com/mcp or https://"), "{word}: {refusal}");
    }
    for command in [
        "node",
        "./a:b",
        "C:\\server.exe",
        "a:x",
        "server.py",
        "bin/server.sh",
        "./example.com/mcp",
        "../x.com/y",
        "/usr/bin/env",
        "node_modules/.bin/x",
        "v1.0/server",
    ] {
        assert!(attempt(&[command], &[]).is_ok(), "{command}");
    }
    assert!(attempt(&["localhost:8080", "argument"], &[]).is_ok());
}

#[test]
fn a_sign_in_is_described_as_its_provider_wants_it() {
    let oauth = |flags: &[&str]| {
        let line: Vec<&str> = ["http://h"].iter().chain(flags).copied().collect();
        remote(&line).0.oauth.unwrap()
    };
    let plain = oauth(&[]);
    assert_eq!(plain.resource, ResourceParameter::Described);
    assert_eq!(plain.callback, CallbackConfig::default());
    assert!(
        !plain.assume_pkce && plain.presented == PresentedToken::Access && plain.issuer.is_none()
    );
    assert_eq!(oauth(&["--resource", "none"]).resource, ResourceParameter::Absent);
    let uri = ResourceParameter::Uri("api://x".to_owned());
    assert_eq!(oauth(&["--resource", "api://x"]).resource, uri);
    let callback =
        oauth(&["--callbackHost", "localhost", "--callbackPort", "7", "--callbackPath", "/x"]);
    let expected = CallbackConfig { host: CallbackHost::Localhost, port: 7, path: "/x".to_owned() };
    assert_eq!(callback.callback, expected);
    let parameters = oauth(&["--authorizeParam", "audience=a=b", "--authorizeParam", "p="]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(parameters.authorize_params, [pair("audience", "a=b"), pair("p", "")]);
    assert!(refused(&["http://h", "--authorizeParam", "=x"]).contains("--authorizeParam takes"));
}
