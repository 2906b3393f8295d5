//! Entries that start this proxy with the same file, directly or through other files, or that are
//! its own port. A proxy that served itself would recurse without end.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use mcp_proxy_core::{
    config::HttpConfig,
    fleet::{Entry, Manifest, Setting, Start, Variables},
};

use super::{file, vocabulary::vocabulary};
use crate::args::{self, Environment, Invocation, flags};

/// Most files that are followed.
const DEEPEST: usize = 8;

/// Whether an entry is this proxy.
pub(super) fn is_itself(
    entry: &Entry,
    ours: &Path,
    http: &HttpConfig,
    variables: &Variables,
) -> bool {
    let Ok(start) = &entry.launch else { return false };
    is_own_port(start, http) || starts(start, &mut vec![ours.to_owned()], variables)
}

/// Whether a server leads to the first of these files.
fn starts(start: &Start, files: &mut Vec<PathBuf>, variables: &Variables) -> bool {
    for words in after_us(start) {
        let Some((path, dialect)) = config_of(&words, start) else { continue };
        let Ok(path) = fs::canonicalize(path) else { continue };
        if files.first() == Some(&path) {
            return true;
        }
        if files.len() >= DEEPEST || files.contains(&path) {
            continue;
        }
        let name = path.display().to_string();
        let read = file::read(&path, "")
            .ok()
            .and_then(|bytes| Manifest::read(&name, bytes, dialect, &vocabulary()).ok());
        files.push(path);
        let entries = read.map(|manifest| manifest.entries(variables)).unwrap_or_default();
        let mut launches = entries.iter().filter(|entry| entry.enabled);
        if launches
            .any(|entry| entry.launch.as_ref().is_ok_and(|start| starts(start, files, variables)))
        {
            return true;
        }
    }
    false
}

/// The words after every word that may be this program.
fn after_us(start: &Start) -> Vec<Vec<String>> {
    // A shell has its whole command line in one word.
    let of_shell = |word: &String| {
        if word.contains("mcp-proxy") && word.contains(' ') {
            shlex::split(word).unwrap_or_else(|| vec![word.clone()])
        } else {
            vec![word.clone()]
        }
    };
    let words: Vec<String> = start.words.iter().flat_map(of_shell).collect();
    let at = words.iter().enumerate().filter(|(_, word)| is_us(word)).map(|(at, _)| at + 1);
    at.map(|at| words.get(at..).unwrap_or_default().to_vec()).collect()
}

/// `mcp-proxy`, `/usr/bin/mcp-proxy`, `mcp-proxy@7`, `mcp-proxy.cmd`; or this executable itself.
fn is_us(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.split('@').next().unwrap_or_default();
    let ends = [".exe", ".cmd", ".bat", ".js", ".mjs"];
    let name = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let same = || {
        let ours = env::current_exe().and_then(fs::canonicalize).ok();
        ours.is_some() && fs::canonicalize(word).ok() == ours
    };
    name.eq_ignore_ascii_case("mcp-proxy") || (word.contains(['/', '\\']) && same())
}

/// The file that the proxy would serve with these words and the variables of this server.
fn config_of(
    words: &[String],
    start: &Start,
) -> Option<(PathBuf, Option<mcp_proxy_core::fleet::Dialect>)> {
    let variables = start.settings.iter().filter(|setting| setting.name == flags::ENV.name);
    let variables = variables.flat_map(|setting| &setting.words);
    let environment: Environment = variables.filter_map(|word| word.split_once('=')).collect();
    let words = words.iter().map(Into::into).collect();
    let Ok(Invocation::Serve(typed)) = args::parse(words, &environment) else { return None };
    let named = typed.values.of(&flags::NAMED_SERVER_CONFIG).ok().flatten();
    let place = file::place(&typed.values.of(&flags::CONFIG).ok().flatten().or(named)?).ok()?;
    let is_cwd = |setting: &&Setting| setting.name == flags::CWD.name;
    let folder = start.settings.iter().rev().find(is_cwd).and_then(|cwd| cwd.words.last());
    let path = folder.map_or(place.file.clone(), |folder| Path::new(folder).join(&place.file));
    Some((path, place.dialect))
}

/// Whether a URL leads to our own port.
fn is_own_port(start: &Start, http: &HttpConfig) -> bool {
    let [url] = start.words.as_slice() else { return false };
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (host, port.parse().unwrap_or_default())
        }
        _ => (authority, if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 }),
    };
    let host = host.trim_matches(['[', ']']);
    let is_here = ["localhost", "127.0.0.1", "::1", "0.0.0.0"].contains(&host) || host == http.host;
    http.port != 0 && port == http.port && is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(words: &[&str]) -> Start {
        Start { words: words.iter().map(|&word| word.to_owned()).collect(), settings: Vec::new() }
    }

    #[test]
    fn the_program_is_known_in_every_way_it_is_started() {
        for words in [
            &["mcp-proxy", "--config", "f"][..],
            &["/opt/bin/mcp-proxy", "--config", "f"],
            &["npx", "-y", "mcp-proxy@7", "--config=f"],
            &["npx", "--package", "mcp-proxy", "mcp-proxy", "--config", "f"],
            &["C:\\bin\\mcp-proxy.exe", "--stdio", "--config", "f"],
            &["sh", "-c", "exec mcp-proxy --config 'f'"],
            &["node", "node_modules/mcp-proxy/bin/mcp-proxy.js", "--config", "f"],
        ] {
            let start = start(words);
            let found = after_us(&start).iter().find_map(|words| config_of(words, &start));
            assert_eq!(found.map(|(path, _)| path), Some("f".into()), "{words:?}");
        }
        for words in [&["mcp-proxy", "node", "--config", "f"][..], &["node", "x", "--config", "f"]]
        {
            let start = start(words);
            assert!(after_us(&start).iter().all(|words| config_of(words, &start).is_none()));
        }
    }

    #[test]
    fn our_own_port_is_known() {
        let http = HttpConfig { port: 8080, ..HttpConfig::default() };
        let is_ours = |url: &str| is_own_port(&start(&[url]), &http);
        for url in [
            "http://localhost:8080/mcp",
            "http://127.0.0.1:8080/servers/a/mcp",
            "http://[::1]:8080",
        ] {
            assert!(is_ours(url), "{url}");
        }
        for url in
            ["http://localhost:8081/mcp", "http://example.com:8080/mcp", "http://localhost/mcp"]
        {
            assert!(!is_ours(url), "{url}");
        }
        let anywhere = HttpConfig { port: 0, ..HttpConfig::default() };
        assert!(!is_own_port(&start(&["http://localhost:0/mcp"]), &anywhere));
    }
}
