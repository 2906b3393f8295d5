//! Real files, unchanged: one for each dialect.

use super::*;

struct Case {
    file: &'static str,
    text: &'static str,
    dialect: Dialect,
    servers: &'static [&'static str],
    unused: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        file: "/home/me/.config/Claude/claude_desktop_config.json",
        text: r#"{ "globalShortcut": "x", "mcpServers": { "files": { "command": "npx",
            "args": ["-y", "server-filesystem", "/data"], "env": { "A": "1", "N": 5, "B": true } } } }"#,
        dialect: Dialect::ClaudeDesktop,
        servers: &["files: npx -y server-filesystem /data env=A=1 env=N=5 env=B=true"],
        unused: &["globalShortcut"],
    },
    Case {
        file: ".mcp.json",
        text: r#"{ "mcpServers": {
            "a": { "type": "http", "url": "https://${HOST}/mcp", "headers": { "Authorization": "Bearer ${TOKEN}" },
                   "timeout": 7000, "headersHelper": "./h", "oauth": { "clientId": "c", "callbackPort": 8111, "scopes": "x y" } },
            "b": { "type": "stdio", "command": "${EMPTY:-uvx}", "args": ["${NONE:-a b}"] },
            "c": { "type": "sse", "url": "https://h/sse" },
            "d": { "type": "ws", "url": "wss://h/ws" } } }"#,
        dialect: Dialect::ClaudeCode,
        servers: &[
            "a: https://h/mcp transport=stream header=Authorization: Bearer s3cret clientId=c scope=x y callbackPort=8111 requestTimeout=7000",
            "b: uvx a b",
            "c: https://h/sse transport=sse",
            "d: ! .mcp.json:6:41: the proxy cannot reach a server over wss; it speaks HTTP",
        ],
        unused: &["mcpServers.a.headersHelper"],
    },
    Case {
        file: ".vscode/mcp.json",
        text: r#"{
            // comments, and trailing commas
            "inputs": [{ "type": "promptString", "id": "key", "description": "Key", "password": true, }],
            "servers": {
                "a": { "type": "http", "url": "https://h/${input:key}" },
                "b": { "type": "stdio", "command": "node", "args": ["${workspaceFolder}/s.js"], "envFile": "${workspaceFolder}/.env",
                       "cwd": "${userHome}/x", "env": { "K": "${env:TOKEN}", "L": "${input:key}" }, "dev": { "watch": "*" } },
                "c": { "url": "unix:///run/s.sock#/mcp" },
                "d": { "command": "x", "sandboxEnabled": true, "sandbox": {} },
                "e": { "command": "x", "sandboxEnabled": true, "mcp-proxy": { "sandbox": "ignore" } },
                "f": { "command": "x", "args": ["${input:other}"] },
            },
        }"#,
        dialect: Dialect::VsCode,
        servers: &[
            "a: https://h/typed",
            "b: node /project/s.js cwd=/home/me/x envFile=/project/.env env=K=s3cret env=L=typed",
            "c: ! .vscode/mcp.json:8:31: the proxy cannot reach a server over unix; it speaks HTTP",
            "d: ! .vscode/mcp.json:9:40: the client runs this server in a sandbox, which the proxy cannot do; \"mcp-proxy\": { \"sandbox\": \"ignore\" } runs it without one",
            "e: x",
            "f: ! .vscode/mcp.json:11:50: the input \"other\" has no value; give it with --input or type it at the start",
        ],
        unused: &["servers.b.dev", "servers.d.sandbox"],
    },
    Case {
        file: "/home/me/.cursor/mcp.json",
        text: r#"{ "mcpServers": { "a": { "url": "https://h/mcp", "timeout": 3, "auth": { "CLIENT_ID": "i", "CLIENT_SECRET": "${env:TOKEN}", "scopes": ["r", "w"] } },
            "b": { "command": "x${/}y", "args": ["${workspaceFolderBasename}"] } } }"#,
        dialect: Dialect::Cursor,
        servers: &["a: https://h/mcp clientId=i clientSecret=s3cret scope=r w", "b: x/y project"],
        unused: &["mcpServers.a.timeout"],
    },
    Case {
        file: "mcp_config.json",
        text: r#"{ "mcpServers": { "a": { "serverUrl": "https://h/mcp", "disabledTools": ["x"] }, "b": { "command": "c", "disabled": true } } }"#,
        dialect: Dialect::Windsurf,
        servers: &["a: https://h/mcp", "b: off: c"],
        unused: &[],
    },
    Case {
        file: "settings.json",
        text: r#"{ // Zed
            "theme": "x", "context_servers": {
            "a": { "source": "custom", "command": "c", "args": ["d"], "env": {} },
            "b": { "command": { "path": "p", "args": ["q"], "env": { "E": "1" } }, "settings": {} },
            "c": { "url": "https://h/mcp", "headers": {}, "enabled": false },
            "d": { "source": "extension", "settings": {} }, } }"#,
        dialect: Dialect::Zed,
        servers: &[
            "a: c d",
            "b: p q env=E=1",
            "c: off: https://h/mcp",
            "d: ! settings.json:6:18: an extension of Zed provides this server, and only Zed can start \
             it: add its command or URL",
        ],
        unused: &[
            "theme",
            "context_servers.a.source",
            "context_servers.b.settings",
            "context_servers.d.settings",
        ],
    },
    Case {
        file: "cline_mcp_settings.json",
        text: r#"{ "mcpServers": { "a": { "command": "c", "autoApprove": ["t"], "timeout": 60, "disabled": false },
            "b": { "type": "streamableHttp", "url": "https://h/mcp" } } }"#,
        dialect: Dialect::Cline,
        servers: &["a: c requestTimeout=60000", "b: https://h/mcp transport=stream"],
        unused: &["mcpServers.a.autoApprove"],
    },
    Case {
        file: "some.json",
        text: r#"{ "mcpServers": { "a": { "command": "c", "alwaysAllow": ["t"], "timeout": 1.5, "watchPaths": [], "cwd": "/x" },
            "b": { "type": "streamable-http", "url": "https://h/mcp" } } }"#,
        dialect: Dialect::Roo,
        servers: &["a: c cwd=/x requestTimeout=1500", "b: https://h/mcp transport=stream"],
        unused: &["mcpServers.a.alwaysAllow", "mcpServers.a.watchPaths"],
    },
    Case {
        file: "/home/me/.gemini/settings.json",
        text: r#"{ "mcp": { "excluded": ["c"] }, "mcpServers": {
            "a": { "httpUrl": "https://h/mcp", "headers": { "K": "$TOKEN" }, "timeout": 5000, "trust": true },
            "b": { "url": "https://h/sse" },
            "c": { "command": "c", "args": ["a$", "$5", "${HOST}$HOST"] },
            "d": { "command": "c", "args": ["$NONE"] } } }"#,
        dialect: Dialect::Gemini,
        servers: &[
            "a: https://h/mcp transport=stream header=K: s3cret requestTimeout=5000",
            "b: https://h/sse transport=sse",
            "c: off: c a$ $5 hh",
            "d: ! /home/me/.gemini/settings.json:5:46: the variable \"NONE\" is not set",
        ],
        unused: &["mcpServers.a.trust"],
    },
    Case {
        file: "/home/me/.codex/config.toml",
        text: "model = \"x\"\n[mcp_servers.a]\ncommand = \"c\"\nargs = [\"d\"]\nenv_vars = [\"X\"]\ncwd = '/x'\nstartup_timeout_sec = 20\ntool_timeout_sec = 1.5\n[mcp_servers.a.env]\nE = \"1\"\n\n[mcp_servers.b]\nurl = \"https://h/mcp\"\nbearer_token_env_var = \"TOKEN\"\nhttp_headers = { A = \"b\" }\nenv_http_headers = { C = \"HOST\" }\n[mcp_servers.c]\nurl = \"https://h\"\nbearer_token = \"t\"\n[mcp_servers.d]\nenabled = false\ncommand = \"c\"\n[mcp_servers.e]\nurl = \"https://h\"\nbearer_token_env_var = \"NONE\"\n",
        dialect: Dialect::Codex,
        servers: &[
            "a: c d cwd=/x env=E=1 connectionTimeout=20000 requestTimeout=1500",
            "b: https://h/mcp header=A: b header=C: h bearerToken=s3cret",
            "c: ! /home/me/.codex/config.toml:19:1: Codex refuses tokens in the file; name a variable with bearer_token_env_var",
            "d: off: c",
            "e: ! /home/me/.codex/config.toml:25:24: the variable \"NONE\" is not set",
        ],
        unused: &["model", "mcp_servers.a.env_vars"],
    },
    Case {
        file: "servers.json",
        text: r#"{ "mcpServers": { "a": { "url": "https://h/mcp", "timeout": 3, "headers": { "A": "$TOKEN" } },
            "b": { "transport": "streamable_http", "url": "https://h" }, "c": { "httpUrl": "https://h" } } }"#,
        dialect: Dialect::Gemini,
        servers: &[
            "a: https://h/mcp transport=sse header=A: s3cret requestTimeout=3",
            "b: https://h transport=stream",
            "c: https://h transport=stream",
        ],
        unused: &[],
    },
    Case {
        file: "servers.json",
        text: "\u{feff}{ \"mcpServers\": {\r\n \"a\": { \"url\": \"https://h/mcp\", \"timeout\": 3,\r\n \"headers\": { \"A\": \"$TOKEN\" } } } }",
        dialect: Dialect::Plain,
        servers: &["a: https://h/mcp header=A: $TOKEN"],
        unused: &["mcpServers.a.timeout"],
    },
];

#[test]
fn every_dialect_is_read_as_its_client_reads_it() {
    for case in CASES {
        let (dialect, servers) = lines(case.file, case.text);
        assert_eq!(dialect, case.dialect, "{}", case.file);
        assert_eq!(servers, case.servers, "{}", case.file);
        let manifest = read(case.file, case.text).unwrap();
        let unused: Vec<&str> = manifest.unused().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(unused, case.unused, "{}", case.file);
    }
}

#[test]
fn five_spellings_are_one_transport() {
    for spelled in [
        r#""type": "http", "url""#,
        r#""type": "streamable-http", "url""#,
        r#""type": "streamableHttp", "url""#,
        r#""transport": "streamable_http", "url""#,
        r#""httpUrl""#,
    ] {
        let text = format!(r#"{{ "mcpServers": {{ "a": {{ {spelled}: "https://h" }} }} }}"#);
        assert_eq!(lines("x.json", &text).1, ["a: https://h transport=stream"], "{spelled}");
    }
}

#[test]
fn what_a_client_leaves_out_is_left_out() {
    let text = r#"{ "mcpServers": { "a": { "command": "c", "includeTools": ["x*", "y"], "excludeTools": ["y"],
        "mcp-proxy": { "tools": { "allow": ["x*"] } } } } }"#;
    let entry = read("x.json", text).unwrap().entries(&variables()).remove(0);
    let admits = |name| entry.rules.tools.filter.admits(name);
    assert_eq!(["x*", "xy", "y"].map(admits), [true, false, false]);
}

#[test]
fn the_user_may_say_whose_file_it_is() {
    let text = r#"{ "mcpServers": { "a": { "url": "https://h" } } }"#;
    let told = Some(Dialect::Gemini);
    let manifest = Manifest::read("x.json", text.as_bytes(), told, &vocabulary()).unwrap();
    assert_eq!(line(&manifest.entries(&variables())[0]), "https://h transport=sse");
}
