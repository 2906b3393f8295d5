//! Examines a server stage by stage, exactly as it is configured, and says what is wrong with it.
//!
//! What a server says is judged by functions of values (`checks`). The examination itself is in
//! `command` for processes, which are read byte by byte, and in `remote` for URLs. No message of a
//! client passes through this module.

mod budget;
mod checks;
mod codes;
mod command;
mod lists;
mod peer;
mod place;
mod progress;
mod remote;
mod report;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

pub use codes::{CODES, Code, Severity};
pub use progress::{Progress, Watching};
pub use report::{Finding, Outcome, Report, Stage};

use crate::{
    config::{Upstream, UpstreamConfig},
    upstream::Guard,
};
use budget::Budget;
use place::place;
use progress::Stages;

/// Examines one server; `name` tells it apart from others in the report. Needs a Tokio runtime.
///
/// Takes less than a minute; if `connection_timeout` is longer than its default, that much longer.
/// The server is started twice. The guard ends it if this process is killed.
pub fn examine(
    name: Option<String>,
    config: Upstream,
    guard: Option<Guard>,
    watching: Watching,
) -> BoxFuture<'static, Report> {
    Box::pin(async move {
        let mut stages = Stages::new(name.clone(), watching);
        let (budget, subject) = match &config {
            Upstream::Command(config) => (Budget::whole(config.connection_timeout), shown(config)),
            Upstream::Remote(config) => {
                (Budget::whole(config.connection_timeout), place(&config.url))
            }
        };
        let examining = async {
            match &config {
                Upstream::Command(config) => {
                    command::examine(config, guard.as_ref(), budget, &mut stages).await;
                }
                Upstream::Remote(config) => remote::examine(config, budget, &mut stages).await,
            }
        };
        // If the examination is dropped, everything that it runs ends with it.
        if timeout(budget.left(), examining).await.is_err() {
            let (mut stage, began) = stages.begin("time");
            stage.says("the time limit was reached; the rest is not examined");
            stage.outcome = Outcome::Skipped;
            stages.end((stage, began));
        }
        Report { server: name, subject: report::line(&subject), stages: stages.done() }
    })
}

/// The report of a server that cannot be examined. `reason` says why, as a sentence without
/// secrets; without a reason, the server is switched off.
pub fn unexamined(name: String, reason: Option<&str>) -> Report {
    let mut stage = Stage::new("file");
    if let Some(reason) = reason {
        stage.fail(codes::BAD_SERVER, reason);
    } else {
        stage.find(codes::SWITCHED_OFF, "", "it is not examined");
        stage.outcome = Outcome::Skipped;
    }
    Report { subject: report::line(&name), server: Some(name), stages: vec![stage] }
}

/// The report of a file that cannot be used: `reason` says where and why.
pub fn unusable(reason: &str) -> Report {
    let mut stage = Stage::new("file");
    stage.fail(codes::BAD_FILE, reason);
    Report { server: None, subject: "the file".to_owned(), stages: vec![stage] }
}

/// The command as it is shown; secret values of arguments are left out.
fn shown(config: &UpstreamConfig) -> String {
    let command = &config.command;
    let args = command.args.iter().map(|word| word.to_string_lossy());
    let mut words: Vec<String> = Vec::new();
    let mut is_secret = false;
    for word in std::iter::once(command.program.to_string_lossy()).chain(args) {
        let (name, value) = word.split_once('=').map_or((&*word, None), |(n, v)| (n, Some(v)));
        let names_secret = name_of_secret(name);
        words.push(match value {
            _ if is_secret && !word.starts_with('-') => "***".to_owned(),
            Some(_) if names_secret => format!("{name}=***"),
            _ => word.clone().into_owned(),
        });
        is_secret = names_secret && value.is_none() && word.starts_with('-');
    }
    words.join(" ")
}

fn name_of_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["key", "token", "secret", "password", "auth"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CommandConfig;

    #[test]
    fn secrets_are_not_part_of_a_report() {
        let words = ["--api-key", "sk-1", "--token=t-2", "-e", "MY_SECRET=s-3", "--port", "80"];
        let mut command = CommandConfig::new("server");
        command.args = words.iter().map(Into::into).collect();
        assert_eq!(
            shown(&UpstreamConfig::new(command)),
            "server --api-key *** --token=*** -e MY_SECRET=*** --port 80"
        );
        assert_eq!(place("https://me:pw@host/mcp?key=1#x"), "https://host/mcp");
    }
}
