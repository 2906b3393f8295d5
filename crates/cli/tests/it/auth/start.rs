//! What is refused, or causes a warning, before a client is served.

use crate::support::{Issuer, Launch};

fn refusal(flags: &[&str]) -> String {
    let finished = Launch::new("echo").flags(flags).run();
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    finished.stderr
}

#[test]
fn nothing_is_served_that_leaves_open_whom_tokens_are_for() {
    for (flags, words) in [
        (&["--auth", "https://idp", "--host", "::"][..], &["--publicUrl", "--authAudience"][..]),
        (&["--auth", "https://idp", "--authPreset", "entra"], &["--authAudience"]),
        (&["--auth", "http://idp"], &["HTTPS"]),
        (&["--auth", "idp"], &["--auth", "not a URL"]),
        (&["--auth", "https://idp", "--publicUrl", "mcp.example"], &["--publicUrl", "not a URL"]),
        (&["--auth", "https://idp", "--authJwks", "nowhere.json"], &["--authJwks"]),
        (&["--authJwks", "keys.json"], &["--authJwks", "--auth"]),
        (&["--authScopes", "files"], &["--authScopes", "--auth"]),
        (&["--authTokens", "nowhere.json"], &["nowhere.json"]),
        (&["--newToken", "ci"], &["--authTokens"]),
        (&["--tokenExpires", "90d"], &["--newToken"]),
        (&["--authMirror"], &["--authMirror", "--auth"]),
        (&["--auth", "https://idp", "--authPreset", "azure"], &["entra"]),
    ] {
        let text = refusal(flags);
        for word in words {
            assert!(text.contains(word), "{flags:?}: {text}");
        }
    }
}

#[test]
fn the_start_says_whose_tokens_let_in_and_where() {
    let issuer = Issuer::new();
    let keys = issuer.file("keys.json").display().to_string();
    let flags = ["--auth", Issuer::NAME, "--authJwks", &keys];
    for (further, url, audience) in [
        (&[][..], "http://127.0.0.1:", "the endpoint's URL"),
        (&["--publicUrl", "https://mcp.example/a/"], "https://mcp.example/a/mcp", "the endpoint's"),
        (&["--authAudience", "app"], "http://127.0.0.1:", "app"),
    ] {
        let proxy = Launch::new("echo").flags(&flags).flags(further).start();
        let line = |label: &str| {
            let line = proxy.stdout.line(|line| line.trim_start().starts_with(label));
            line.unwrap_or_else(|| panic!("{label}: {further:?}"))
        };
        assert!(line("Streamable HTTP").contains(url), "{}", line("Streamable HTTP"));
        let tokens = line("tokens");
        assert!(tokens.contains(Issuer::NAME) && tokens.contains(audience), "{tokens}");
    }
}

#[test]
fn an_open_proxy_is_warned_of_or_refused() {
    let warning = "without authentication";
    let open = Launch::new("echo").flags(&["--host", "0.0.0.0"]).start();
    let line = open.stderr.line(|line| line.contains(warning)).expect("a warning");
    assert!(line.contains("--apiKey") && line.contains("0.0.0.0"), "{line}");
    assert_eq!(open.terminate().stderr.matches(warning).count(), 1);
    let text = refusal(&["--host", "0.0.0.0", "--requireAuth"]);
    assert!(text.contains("--requireAuth") && text.contains(warning), "{text}");
    let text = refusal(&["--host", "127.0.0.1", "--tunnel", "--requireAuth"]);
    assert!(text.contains("through --tunnel without authentication"), "{text}");
    let issuer = Issuer::new();
    for launch in [
        Launch::new("echo").flags(&["--requireAuth"]),
        Launch::new("echo").flags(&["--host", "0.0.0.0", "--requireAuth", "--apiKey", "x"]),
        issuer.guard(Launch::new("echo").flags(&["--host", "0.0.0.0", "--requireAuth"])),
    ] {
        let stderr = launch.start().terminate().stderr;
        assert!(!stderr.contains(warning), "{stderr}");
    }
}
