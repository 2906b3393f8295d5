//! Opens a browser. There may be none, so the URL is printed first in any case.

use std::process::Stdio;

use reqwest::Url;
use tokio::process::{Child, Command};

use crate::{
    runtime::orphans::{Own, own},
    telemetry::console_error,
    upstream::own_variables::own_variables,
};

/// Opens a URL that was checked to be HTTP; it is passed as one argument, no shell reads it.
/// `BROWSER` is tried before the system's defaults.
pub(super) fn open(url: &Url) {
    let named = std::env::var("BROWSER").unwrap_or_default();
    for words in candidates(&named, url.as_str()) {
        let Some((program, arguments)) = words.split_first() else { continue };
        let mut command = Command::new(program);
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for name in own_variables() {
            command.env_remove(name);
        }
        // A signal to the proxy's group is not meant for the browser.
        #[cfg(unix)]
        command.process_group(0);
        match own(|| command.spawn(), Child::id) {
            Ok((child, own)) => {
                crate::runtime::task::spawn(watch(child, own));
                return;
            }
            Err(error) => tracing::debug!(program, %error, "no browser could be opened"),
        }
    }
    say_that_none_opened();
}

async fn watch(mut child: Child, _own: Own) {
    if !child.wait().await.is_ok_and(|status| status.success()) {
        say_that_none_opened();
    }
}

fn say_that_none_opened() {
    console_error!("no browser could be opened here; open the URL above in any browser");
}

/// The commands to try, in order, each as a list of words.
fn candidates(named: &str, url: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = Vec::new();
    if !cfg!(windows) {
        commands.extend(named.split(':').map(|command| words(command, url)));
    }
    let own: &[&str] = if cfg!(target_os = "macos") {
        &["open"]
    } else if cfg!(windows) {
        &["rundll32", "url.dll,FileProtocolHandler"]
    } else {
        &["xdg-open"]
    };
    let own = own.iter().copied().chain([url]).map(str::to_owned);
    commands.push(own.collect());
    commands.retain(|words| !words.is_empty());
    commands
}

/// A command of `BROWSER`, with the URL at its placeholder or at the end.
fn words(command: &str, url: &str) -> Vec<String> {
    let mut words: Vec<String> =
        command.split_whitespace().map(|word| word.replace("%s", url)).collect();
    if !words.is_empty() && !command.contains("%s") {
        words.push(url.to_owned());
    }
    words
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_comes_first_and_is_given_the_url_as_one_word() {
        let commands = candidates("firefox -P it:w3m --at=%s -x::", "http://h/?a=1&b=2");
        let joined: Vec<String> = commands.iter().map(|words| words.join("|")).collect();
        assert_eq!(
            joined,
            [
                "firefox|-P|it|http://h/?a=1&b=2",
                "w3m|--at=http://h/?a=1&b=2|-x",
                "xdg-open|http://h/?a=1&b=2",
            ]
        );
        assert_eq!(candidates("", "u").len(), 1);
    }
}
