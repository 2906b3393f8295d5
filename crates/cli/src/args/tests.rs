//! How words are parsed: every flag in every spelling, where the command starts, what is refused.

use std::ffi::OsString;

use proptest::prelude::*;

use super::{
    Environment, Invocation, Typed, UsageError,
    flag::{Definition, Shape, kebab, variable},
    flags::{self, ALL},
    line::Line,
    parse,
};

/// The flags of the original, by the names its users type.
const ORIGINAL: [&str; 28] = [
    "apiKey",
    "connectionTimeout",
    "corsAddAllowedHeader",
    "debug",
    "endpoint",
    "eventStore",
    "eventStoreMaxEvents",
    "gracefulShutdownTimeout",
    "host",
    "keepAliveTimeout",
    "maxBodySize",
    "modern",
    "port",
    "requestTimeout",
    "server",
    "sessionIdleTimeout",
    "shell",
    "sseEndpoint",
    "sslCa",
    "sslCert",
    "sslKey",
    "stateless",
    "streamEndpoint",
    "tunnel",
    "tunnelSubdomain",
    "upstreamProtocol",
    "help",
    "version",
];

fn words(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn typed_in(line: &[&str], variables: &[(&str, &str)]) -> Typed {
    match parse(words(line), &environment(variables)) {
        Ok(Invocation::Serve(typed)) => typed,
        Ok(Invocation::Print(text)) => panic!("{line:?} prints {text}"),
        Err(error) => panic!("{line:?} is refused: {error}"),
    }
}

fn typed(line: &[&str]) -> Typed {
    typed_in(line, &[])
}

fn refusal(line: &[&str]) -> UsageError {
    match parse(words(line), &environment(&[])) {
        Err(error) => error,
        Ok(_) => panic!("{line:?} is accepted"),
    }
}

/// A word that the flag accepts and that is not its default.
fn sample(flag: &dyn Definition) -> &'static str {
    match flag.name() {
        _ if flag.shape() == Shape::Switch => {
            if flag.default_shown().is_some() {
                "false"
            } else {
                "true"
            }
        }
        "server" => "sse",
        "upstreamProtocol" => "auto",
        "threads" => "2",
        name if name.ends_with("ndpoint") => "/other",
        "namedServer" => "name command",
        _ => "4711",
    }
}

fn given(typed: &Typed, name: &str) -> Option<Vec<OsString>> {
    typed.values.words(name).map(<[OsString]>::to_vec)
}

#[test]
fn every_flag_of_the_original_is_there() {
    let help = super::help::everything();
    for name in ORIGINAL {
        assert!(help.contains(&format!("--{name} ")), "--{name} is not in --help");
    }
}

#[test]
fn every_flag_is_read_in_every_spelling() {
    for flag in ALL.iter() {
        let (camel, kebab, value) = (flag.name(), kebab(flag.name()), sample(*flag));
        for spelled in [camel, kebab.as_str()] {
            let apart = vec![format!("--{spelled}"), value.to_owned()];
            // A pair would take the next word, too.
            let apart = Some(apart).filter(|_| flag.shape() != Shape::Pairs);
            for line in [vec![format!("--{spelled}={value}")]].into_iter().chain(apart) {
                for tail in [vec!["node", "--port"], vec!["--", "node", "--port"]] {
                    let line: Vec<&str> =
                        line.iter().map(String::as_str).chain(tail.iter().copied()).collect();
                    let typed = typed(&line);
                    assert_eq!(given(&typed, camel), Some(words(&[value])), "{line:?}");
                    assert_eq!(typed.command, words(&["node", "--port"]), "{line:?}");
                }
            }
        }
    }
}

#[test]
fn every_flag_is_read_from_its_variable_and_beats_it() {
    for flag in ALL.iter() {
        let (name, value) = (flag.name(), sample(*flag));
        let variable = variable(name);
        let typed = typed_in(&["node"], &[(&variable, value)]);
        assert_eq!(given(&typed, name), Some(words(&[value])), "{variable}");

        let argument = format!("--{name}={value}");
        let typed = typed_in(&[&argument, "node"], &[(&variable, "from the environment")]);
        assert_eq!(given(&typed, name), Some(words(&[value])), "{argument} over {variable}");
    }
}

#[test]
fn nothing_given_is_nothing() {
    let typed = typed(&["node"]);
    assert!(ALL.iter().all(|flag| given(&typed, flag.name()).is_none()));
}

#[test]
fn variables_are_named_as_in_the_original() {
    assert_eq!(variable("apiKey"), "MCP_PROXY_API_KEY");
    assert_eq!(variable("eventStoreMaxEvents"), "MCP_PROXY_EVENT_STORE_MAX_EVENTS");
    assert_eq!(kebab("corsAddAllowedHeader"), "cors-add-allowed-header");
}

#[test]
fn case_and_underscores_of_a_variable_do_not_matter_and_the_documented_name_wins() {
    for name in [
        "MCP_PROXY_API_KEY",
        "MCP_PROXY_APIKEY",
        "MCP_PROXY_apiKey",
        "MCP_PROXYAPI_KEY",
        "mcp_proxy_api_key",
    ] {
        assert_eq!(
            given(&typed_in(&["x"], &[(name, "key")]), "apiKey"),
            Some(words(&["key"])),
            "{name}"
        );
    }
    let both = [("MCP_PROXY_APIKEY", "other"), ("MCP_PROXY_API_KEY", "documented")];
    assert_eq!(given(&typed_in(&["x"], &both), "apiKey"), Some(words(&["documented"])));
    let foreign = [("API_KEY", "a"), ("MCP_PROXY_API_KEYS", "b"), ("XMCP_PROXY_API_KEY", "c")];
    assert_eq!(given(&typed_in(&["x"], &foreign), "apiKey"), None);
}

#[test]
fn switches_are_turned_off_in_both_spellings_and_the_last_word_counts() {
    for (line, expected) in [
        (vec!["--eventStore"], "true"),
        (vec!["--no-eventStore"], "false"),
        (vec!["--no-event-store"], "false"),
        (vec!["--eventStore=false"], "false"),
        (vec!["--event-store", "false"], "false"),
        (vec!["--event-store", "true"], "true"),
        (vec!["--no-eventStore", "--eventStore"], "true"),
        (vec!["--no-eventStore", "--event-store", "true"], "true"),
        (vec!["--eventStore", "--no-event-store"], "false"),
        (vec!["--eventStore", "--eventStore=false"], "false"),
        (vec!["--eventStore=false", "--eventStore"], "true"),
        (vec!["--no-eventStore", "--no-eventStore"], "false"),
    ] {
        let with_command: Vec<&str> = line.iter().copied().chain(["node"]).collect();
        assert_eq!(
            given(&typed(&with_command), "eventStore"),
            Some(words(&[expected])),
            "{line:?}"
        );
    }
}

#[test]
fn only_true_and_false_are_taken_by_a_switch() {
    assert_eq!(typed(&["--shell", "true", "node", "s.js"]).command, words(&["node", "s.js"]));
    assert_eq!(typed(&["--shell", "yes", "s.js"]).command, words(&["yes", "s.js"]));
    assert_eq!(typed(&["--no-shell", "true"]).command, words(&["true"]));
}

#[test]
fn of_repeated_scalars_the_last_one_counts_whatever_the_spelling() {
    let typed = typed(&["--sseEndpoint", "/1", "--sse-endpoint=/2", "--sseEndpoint", "/3", "node"]);
    assert_eq!(given(&typed, "sseEndpoint"), Some(words(&["/3"])));
}

#[test]
fn lists_repeat_and_take_several_words_only_where_a_separator_ends_them() {
    for (line, expected, command) in [
        (
            vec!["--corsAddAllowedHeader", "A", "--cors-add-allowed-header=B", "n"],
            vec!["A", "B"],
            vec!["n"],
        ),
        (vec!["--corsAddAllowedHeader", "A", "n", "s.js"], vec!["A"], vec!["n", "s.js"]),
        (vec!["--corsAddAllowedHeader", "A", "B", "--debug", "--", "n"], vec!["A", "B"], vec!["n"]),
        (vec!["--corsAddAllowedHeader=A,B", "n"], vec!["A,B"], vec!["n"]),
    ] {
        let typed = typed(&line);
        assert_eq!(given(&typed, "corsAddAllowedHeader"), Some(words(&expected)), "{line:?}");
        assert_eq!(typed.command, words(&command), "{line:?}");
        assert!(typed.ignored.is_empty(), "{line:?}");
    }
    let variables = [("MCP_PROXY_CORS_ADD_ALLOWED_HEADER", "C")];
    let typed = typed_in(&["--corsAddAllowedHeader", "A", "n"], &variables);
    assert_eq!(given(&typed, "corsAddAllowedHeader"), Some(words(&["A"])), "replaced, not merged");
}

#[test]
fn pairs_are_two_words_with_and_without_a_separator() {
    let expected = ["a\u{1f}c d", "b\u{1f}e"];
    let pairs = ["--namedServer", "a", "c d", "--named-server", "b", "e"];
    for (tail, command) in [
        (&[][..], &[][..]),
        (&["--debug"], &[]),
        (&["n", "x"], &["n", "x"]),
        (&["--", "n"], &["n"]),
    ] {
        let typed = typed(&[&pairs[..], tail].concat());
        assert_eq!(given(&typed, "namedServer"), Some(words(&expected)), "{tail:?}");
        assert_eq!(typed.command, words(command), "{tail:?}");
    }
    let alone = typed(&["--namedServer", "a", "--debug"]);
    assert_eq!(given(&alone, "namedServer"), Some(words(&["a"])));
}

#[test]
fn values_may_look_like_numbers_dashes_and_assignments() {
    for (line, name, expected) in [
        (vec!["--port", "-5", "n"], "port", "-5"),
        (vec!["--port", "-.5", "n"], "port", "-.5"),
        (vec!["--apiKey=-abc", "n"], "apiKey", "-abc"),
        (vec!["--apiKey=--debug", "n"], "apiKey", "--debug"),
        (vec!["--apiKey=a=b", "n"], "apiKey", "a=b"),
        (vec!["--apiKey", "a=b", "n"], "apiKey", "a=b"),
        (vec!["--apiKey", "=", "n"], "apiKey", "="),
        (vec!["--apiKey", "-", "n"], "apiKey", "-"),
        (vec!["--apiKey", "", "n"], "apiKey", ""),
        (vec!["--apiKey=", "n"], "apiKey", ""),
    ] {
        assert_eq!(given(&typed(&line), name), Some(words(&[expected])), "{line:?}");
    }
}

#[test]
fn the_command_begins_where_it_should() {
    for (line, command, ignored) in [
        (vec!["npx", "-y", "pkg", "/path"], vec!["npx", "-y", "pkg", "/path"], vec![]),
        (
            vec!["--port", "1", "node", "s.js", "--port", "3000"],
            vec!["node", "s.js", "--port", "3000"],
            vec![],
        ),
        (vec!["node", "--version"], vec!["node", "--version"], vec![]),
        (vec!["node", "--help", "-h", "-V"], vec!["node", "--help", "-h", "-V"], vec![]),
        (vec!["--", "npx", "-y", "pkg"], vec!["npx", "-y", "pkg"], vec![]),
        (vec!["--", "x", "--", "y"], vec!["x", "--", "y"], vec![]),
        (vec!["--", "1.10", "0x1F", "007", ""], vec!["1.10", "0x1F", "007", ""], vec![]),
        (vec!["--", "--help"], vec!["--help"], vec![]),
        (vec!["a", "b", "--", "x", "y"], vec!["x", "y"], vec!["a", "b"]),
        (vec!["a", "--port", "1", "--", "x"], vec!["x"], vec!["a"]),
        (vec!["node", "s.js", "--"], vec!["node", "s.js"], vec![]),
        (vec!["-"], vec!["-"], vec![]),
        (vec!["--"], vec![], vec![]),
        (vec![], vec![], vec![]),
    ] {
        let typed = typed(&line);
        assert_eq!((typed.command, typed.ignored), (words(&command), words(&ignored)), "{line:?}");
    }
}

#[test]
fn the_command_may_come_from_the_environment() {
    let variables = [("MCP_PROXY_COMMAND", "node s.js")];
    assert_eq!(typed_in(&[], &variables).command, words(&["node s.js"]));
    assert_eq!(typed_in(&["--"], &variables).command, words(&["node s.js"]));
    assert_eq!(typed_in(&["x", "y"], &variables).command, words(&["x", "y"]));
    assert!(typed_in(&[], &[("MCP_PROXY_COMMAND", "")]).command.is_empty());
}

#[test]
fn unknown_flags_are_refused_and_the_nearest_is_named_as_documented() {
    for (line, word, nearest) in [
        (vec!["--apikey", "k", "n"], "--apikey", Some("--apiKey")),
        (vec!["--api_key=k", "n"], "--api_key", Some("--apiKey")),
        (vec!["--event-stor", "n"], "--event-stor", Some("--eventStore")),
        (vec!["--no-evenStore", "n"], "--no-evenStore", Some("--no-eventStore")),
        (vec!["-port", "80", "n"], "-port", Some("--port")),
        (vec!["--versoin"], "--versoin", Some("--version")),
        (vec!["--PORT", "5", "n"], "--PORT", None),
        (vec!["--apiKey=x", "--api", "n"], "--api", Some("--apiKey")),
        (vec!["--apiKey", "x", "--gibberish", "n"], "--gibberish", None),
        (vec!["-y", "n"], "-y", None),
        (vec!["-y", "--", "n"], "-y", None),
        (vec!["--p.q", "1", "n"], "--p.q", None),
    ] {
        let expected =
            UsageError::UnknownFlag { word: word.to_owned(), nearest: nearest.map(str::to_owned) };
        assert_eq!(refusal(&line), expected, "{line:?}");
    }
}

#[test]
fn a_flag_without_its_value_is_refused() {
    for flag in ALL.iter().filter(|flag| flag.shape() != Shape::Switch) {
        let spelled = format!("--{}", flag.name());
        let expected = UsageError::MissingValue { flag: spelled.clone() };
        for tail in [vec![], vec!["--"], vec!["--", "n"], vec!["--debug", "n"], vec!["-abc", "n"]] {
            let line: Vec<&str> = [spelled.as_str()].into_iter().chain(tail).collect();
            assert_eq!(refusal(&line), expected, "{line:?}");
        }
    }
    assert_eq!(
        refusal(&["--no-debug=1", "n"]),
        UsageError::UnexpectedValue { flag: "--no-debug".to_owned() }
    );
}

#[test]
fn help_and_version_win_over_errors_but_not_over_the_command() {
    for line in [
        vec!["--help"],
        vec!["-h"],
        vec!["--server", "foo", "--help"],
        vec!["--nonsense", "--help", "n"],
    ] {
        let printed = parse(words(&line), &environment(&[]));
        assert!(
            matches!(printed, Ok(Invocation::Print(text)) if text.contains("Usage:")),
            "{line:?}"
        );
    }
    for line in [
        vec!["--version"],
        vec!["-V"],
        vec!["--port", "--version"],
        vec!["a", "--version", "--", "b"],
    ] {
        let printed = parse(words(&line), &environment(&[]));
        let first = |text: &str| text.lines().next() == Some(mcp_proxy_core::VERSION);
        assert!(matches!(printed, Ok(Invocation::Print(text)) if first(&text)), "{line:?}");
    }
}

#[test]
fn no_two_flags_share_a_spelling() {
    let mut spelled: Vec<String> =
        ALL.iter().flat_map(|flag| [flag.name().to_owned(), kebab(flag.name())]).collect();
    spelled.dedup();
    let count = spelled.len();
    spelled.sort();
    spelled.dedup();
    assert_eq!(spelled.len(), count);
}

#[cfg(unix)]
#[test]
fn words_of_the_child_and_file_names_need_not_be_text() {
    use std::os::unix::ffi::OsStringExt;

    let odd = OsString::from_vec(vec![b'a', 0xff, 0xfe]);
    for separator in [None, Some(OsString::from("--"))] {
        let cert = [OsString::from("--sslCert"), odd.clone()];
        let argv = cert.into_iter().chain(separator).chain([odd.clone(), odd.clone()]).collect();
        let Ok(Invocation::Serve(typed)) = parse(argv, &environment(&[])) else {
            panic!("refused");
        };
        assert_eq!(typed.command, [odd.clone(), odd.clone()]);
        assert_eq!(typed.values.of(&flags::SSL_CERT), Ok(Some(odd.clone().into())));
    }
    let Ok(Invocation::Serve(typed)) =
        parse(vec!["--apiKey".into(), odd, "n".into()], &environment(&[]))
    else {
        panic!("refused");
    };
    let error = typed.values.of(&flags::API_KEY).map_err(|error| error.to_string());
    assert_eq!(
        error,
        Err("Error: --apiKey must be valid UTF-8 (got other bytes).\n  given: --apiKey".to_owned())
    );
}

/// Anything that a shell can pass, with our own spellings far more often than by chance.
fn word() -> impl Strategy<Value = OsString> {
    let name = (0..ALL.len()).prop_map(|index| ALL[index].name());
    let spelled =
        (name, any::<bool>(), prop_oneof![Just("--"), Just("--no-"), Just("-"), Just("")])
            .prop_map(|(name, kebabed, dashes)| {
                format!("{dashes}{}", if kebabed { kebab(name) } else { name.to_owned() })
            });
    prop_oneof![
        4 => (spelled, proptest::option::of(".{0,4}")).prop_map(|(flag, value)| match value {
            Some(value) => format!("{flag}={value}").into(),
            None => flag.into(),
        }),
        2 => prop_oneof![Just("true"), Just("false"), Just("1"), Just("-1"), Just("--"), Just("-"), Just("")]
            .prop_map(OsString::from),
        2 => "-{0,3}.{0,6}".prop_map(OsString::from),
        1 => bytes(),
    ]
}

#[cfg(unix)]
fn bytes() -> impl Strategy<Value = OsString> {
    use std::os::unix::ffi::OsStringExt;
    proptest::collection::vec(any::<u8>(), 0..8).prop_map(OsString::from_vec)
}

#[cfg(not(unix))]
fn bytes() -> impl Strategy<Value = OsString> {
    any::<String>().prop_map(OsString::from)
}

proptest! {
    #[test]
    fn no_argv_panics(
        argv in proptest::collection::vec(word(), 0..8),
        variables in proptest::collection::vec((0..ALL.len(), word()), 0..3),
    ) {
        let environment: Environment =
            variables.into_iter().map(|(index, value)| (variable(ALL[index].name()), value)).collect();
        if let Ok(Invocation::Serve(typed)) = parse(argv, &environment) {
            drop(crate::options::Options::try_from(typed).map_err(|error| error.to_string()));
        }
    }

    #[test]
    fn what_follows_the_separator_is_the_command_word_for_word(
        ours in proptest::collection::vec(word(), 0..4),
        command in proptest::collection::vec(word(), 1..6),
    ) {
        let ours: Vec<OsString> = ours.into_iter().filter(|word| word != "--").collect();
        let argv = ours.into_iter().chain(["--".into()]).chain(command.clone()).collect();
        prop_assert_eq!(Line::cut(argv).command, command);
    }

    #[test]
    fn no_word_is_lost(argv in proptest::collection::vec(word(), 0..8)) {
        let before: usize = argv.iter().filter(|word| *word != "--").map(|word| word.len()).sum();
        let line = Line::cut(argv);
        let after = [line.flags, line.command, line.ignored].concat();
        // A joined value needs an equals sign and a repeated list its flag, so nothing gets
        // shorter.
        prop_assert!(after.iter().map(|word| word.len()).sum::<usize>() >= before);
    }
}

fn printed(line: &[&str]) -> String {
    match parse(words(line), &environment(&[])) {
        Ok(Invocation::Print(text)) => text,
        _ => panic!("{line:?} prints nothing"),
    }
}

#[test]
fn the_short_text_of_a_flag_fits_a_line() {
    for flag in ALL.iter() {
        let short = flag.short();
        assert!((1..=50).contains(&short.len()), "--{}: {short}", flag.name());
        assert!(!short.ends_with('.') && !short.contains(';'), "--{}: {short}", flag.name());
    }
}

#[test]
fn the_short_help_is_one_screen_and_points_to_the_rest() {
    let text = printed(&["-h"]);
    assert!(text.lines().count() <= 40, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for expected in ["--port <n>", "--isolation <scope>", "--help <section>", "mcp-proxy https://"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("--bodyTimeout"), "{text}");
}

#[test]
fn help_has_topics() {
    let limits = printed(&["--help", "limits"]);
    assert!(limits.contains("--maxBodySize") && !limits.contains("--sslCert"), "{limits}");
    assert_eq!(printed(&["--help", "LIMITS"]), limits);
    let flag = printed(&["--help", "isolation"]);
    for expected in
        ["--isolation <scope>", "MCP_PROXY_ISOLATION", "shared, session, identity, request"]
    {
        assert!(flag.contains(expected), "{expected}: {flag}");
    }
    for spelled in ["--isolation", "-isolation"] {
        assert_eq!(printed(&["--help", spelled]), flag, "{spelled}");
    }
    assert_eq!(printed(&["--help", "sse-endpoint"]), printed(&["--help", "sseEndpoint"]));
    assert_eq!(printed(&["--help", "nothing"]), printed(&["--help"]));
}

#[test]
fn the_words_behind_a_call_belong_to_it_up_to_the_command() {
    let call = |line: &[&str]| {
        let typed = typed(line);
        let words = typed.values.of(&flags::CALL).unwrap();
        let command: Vec<_> = typed.command.iter().map(|word| word.to_str().unwrap()).collect();
        (words.join(" "), command.join(" "), typed.ignored.len())
    };
    for (line, words, command) in [
        (&["--call", "t", "a=1", "b:=2", "--", "node", "s.js"][..], "t a=1 b:=2", "node s.js"),
        (&["--call", "t", "a=1", "node", "s.js", "x=y"], "t a=1", "node s.js x=y"),
        (&["--call", "t", "{\"a\":1}", "--debug", "node"], "t {\"a\":1}", "node"),
        (&["--call", "t", "https://x/mcp?a=b"], "t", "https://x/mcp?a=b"),
        (&["https://x/mcp", "--call", "t", "a=-1", "n=5"], "t a=-1 n=5", "https://x/mcp"),
        (&["--call", "t", "word", "--", "node"], "t word", "node"),
        (&["--call", "t", "-", "node"], "t -", "node"),
        (&["--call=t", "--", "node"], "t", "node"),
    ] {
        assert_eq!(call(line), (words.to_owned(), command.to_owned(), 0), "{line:?}");
    }
}
