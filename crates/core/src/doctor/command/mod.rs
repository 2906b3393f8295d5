//! The examination of a command.

mod introduce;
mod resolve;
mod talk;

use std::time::Duration;

use serde_json::Value;

use super::{
    budget::Budget,
    checks::{introduction, stderr},
    codes::{
        BUFFERED, CONTENT_LENGTH, EARLY_MESSAGES, IGNORES_UNKNOWN, LONG_LINE, NO_ANSWER, NOT_UTF8,
        ONLY_LEGACY, ONLY_MODERN, REFUSED, SERVES_HTTP, SILENT, SLOW_START, TOUCHY, UNASKED,
    },
    lists::Asked,
    peer::{Silence, said},
    progress::Stages,
    report::{Outcome, Stage},
};
use crate::{
    config::{UpstreamConfig, UpstreamProtocol},
    protocol::MODERN,
    upstream::Guard,
};
use introduce::{DISCOVER, discover, initialize, meta};
use talk::Talk;

/// Start-up time from which on some clients give up.
const SLOW: Duration = Duration::from_secs(15);
/// Longest time for the handshake, unless a longer one is configured.
const HANDSHAKE: Duration = Duration::from_secs(35);
/// Time for the request of the newer era.
const PROBE: Duration = Duration::from_secs(5);
/// The same if the server did not answer the older one.
const LAST_PROBE: Duration = Duration::from_secs(10);

/// Examines a command.
pub(super) async fn examine(
    config: &UpstreamConfig,
    guard: Option<&Guard>,
    budget: Budget,
    stages: &mut Stages,
) {
    let (mut stage, began) = stages.begin("resolve");
    resolve::check(&config.command, &mut stage);
    if !stages.end((stage, began)) {
        return;
    }
    let exam = Exam { config, guard, budget };
    let Some((talk, result)) = exam.greet(stages).await else { return };
    let era = if result["protocolVersion"].is_string() { Era::Legacy } else { Era::Modern };
    exam.use_it(talk, &result, era, stages).await;
    if era == Era::Legacy {
        exam.probe(stages).await;
    }
}

/// How a server is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Era {
    Legacy,
    Modern,
}

struct Exam<'a> {
    config: &'a UpstreamConfig,
    guard: Option<&'a Guard>,
    budget: Budget,
}

/// The outcome of asking a server who it is.
struct Greeted {
    talk: Talk,
    answer: Result<Value, Silence>,
}

impl Exam<'_> {
    /// Starts the server and shakes hands; if the older era fails, in the newer one.
    async fn greet(&self, stages: &mut Stages) -> Option<(Talk, Value)> {
        let started = stages.begin("start");
        let (mut stage, began) = started;
        let mut talk = match Talk::start(&self.config.command, self.guard) {
            Ok(talk) => talk,
            Err(error) => {
                resolve::spawn_failed(&self.config.command, &error, &mut stage);
                stages.end((stage, began));
                return None;
            }
        };
        let patience = self.config.connection_timeout.min(self.handshake());
        let answer = initialize(&mut talk, self.budget.at_most(patience)).await;
        if let Some(after) = talk.first_byte() {
            stage.says(format!("first byte after {} ms", after.as_millis()));
            if answer.is_ok() && after > SLOW {
                stage.find(SLOW_START, "", format!("it took {} s", after.as_secs()));
            }
        }
        stages.end((stage, began));
        let (mut stage, began) = stages.begin("handshake");
        match &answer {
            Ok(result) => {
                introduction::check(result, &mut stage);
                stage.says(introduction::named(result));
                let goes_on = stages.end((stage, began));
                if goes_on {
                    return Some((talk, answer.unwrap_or_default()));
                }
                talk.end(self.budget).await;
                None
            }
            Err(silence) => {
                let silence = silence.clone();
                let modern = self.modern_instead(&silence).await;
                if let Some((other, result)) = modern {
                    talk.end(self.budget).await;
                    stage.says(format!("revision {MODERN}"));
                    if self.config.protocol == UpstreamProtocol::Legacy {
                        stage.find(ONLY_MODERN, "", "it refuses initialize");
                    }
                    stages.end((stage, began));
                    return Some((other, result));
                }
                self.explain(Greeted { talk, answer: Err(silence) }, &mut stage).await;
                stage.outcome = Outcome::Failed;
                stages.end((stage, began));
                None
            }
        }
    }

    /// Longer if the user allows connections more time.
    fn handshake(&self) -> Duration {
        if super::budget::is_raised(self.config.connection_timeout) {
            self.config.connection_timeout
        } else {
            HANDSHAKE
        }
    }

    /// Starts a new process and asks it in the newer era.
    async fn modern_instead(&self, silence: &Silence) -> Option<(Talk, Value)> {
        if matches!(silence, Silence::Unreadable) {
            return None;
        }
        let mut talk = Talk::start(&self.config.command, self.guard).ok()?;
        let limit = LAST_PROBE.min(self.config.connection_timeout);
        let found = discover(&mut talk, self.budget.at_most(limit)).await;
        match found {
            Ok(result) if speaks_modern(&result) => Some((talk, result)),
            _ => {
                talk.end(self.budget).await;
                None
            }
        }
    }

    /// Why there was no handshake.
    async fn explain(&self, greeted: Greeted, stage: &mut Stage) {
        let Greeted { mut talk, answer } = greeted;
        let was_silent = talk.first_byte().is_none();
        let rest = talk.end(self.budget).await;
        let http = rest.words.iter().chain(talk.output().noise()).find(|l| stderr::serves_http(l));
        let http = http.cloned();
        match answer {
            Err(Silence::Error(error)) => stage.find(REFUSED, "", said(&error)),
            Err(Silence::Unreadable) if talk.output().is_framed() => {
                stage.find(CONTENT_LENGTH, "standard output", "it has headers like those of LSP");
            }
            Err(Silence::Unreadable) => {
                stage.find(LONG_LINE, "standard output", "the line does not end");
            }
            Err(Silence::Ended) => {
                let code = stderr::cause(rest.code, self.config.command.shell, &rest.words);
                let words = rest.words.iter().rev().find(|line| !line.trim().is_empty());
                let telling = rest.words.iter().find(|line| {
                    stderr::cause(None, false, std::slice::from_ref(line)) == code
                        && code.number != 202
                });
                let said = telling.or(words).map(|line| format!(": {line}")).unwrap_or_default();
                stage.find(code, "", format!("it {}{said}", rest.outcome));
            }
            _ if http.is_some() => stage.find(SERVES_HTTP, "", http.unwrap_or_default()),
            _ if rest.answered_late => {
                stage.find(BUFFERED, "", "it answered when its input was closed");
            }
            _ if was_silent => {
                let hint = talk.hint().map(|hint| format!(". {hint}")).unwrap_or_default();
                let code = if hint.is_empty() { SILENT } else { BUFFERED };
                stage.find(code, "", format!("nothing came in {} s{hint}", rest.waited.as_secs()));
            }
            _ => stage.find(NO_ANSWER, "", "it writes, but no answer to initialize"),
        }
        if !talk.output().is_framed() {
            talk.output().tell(stage);
        }
        stage.findings.dedup_by(|one, other| one.code == other.code && one.code == NOT_UTF8);
    }

    /// Lists, calls, the end of the input, and what appeared on standard output meanwhile.
    async fn use_it(&self, mut talk: Talk, result: &Value, era: Era, stages: &mut Stages) {
        let meta = (era == Era::Modern).then(meta);
        let (mut stage, began) = stages.begin("lists");
        let mut asked = Asked { peer: &mut talk, budget: self.budget, meta: meta.clone() };
        let uri = asked.lists(&result["capabilities"], &mut stage).await;
        stages.end((stage, began));
        let (mut stage, began) = stages.begin("calls");
        let mut asked = Asked { peer: &mut talk, budget: self.budget, meta };
        asked.calls(uri.as_deref(), era == Era::Legacy, &mut stage).await;
        stages.end((stage, began));
        let (mut stage, began) = stages.begin("end");
        let rest = talk.end(self.budget).await;
        rest.tell(&mut stage);
        stages.end((stage, began));
        let (mut stage, began) = stages.begin("output");
        if talk.early() > 0 {
            stage.find(EARLY_MESSAGES, "standard output", format!("there are {}", talk.early()));
        }
        if let Some(method) = talk.unasked() {
            stage.find(UNASKED, "", format!("it asks for {method}"));
        }
        talk.output().tell(&mut stage);
        stage.says(if stage.findings.is_empty() { "messages and nothing else" } else { "" });
        stages.end((stage, began));
    }

    /// Whether a server of the older era also speaks the newer one, and how it reacts to the
    /// question.
    async fn probe(&self, stages: &mut Stages) {
        let (mut stage, began) = stages.begin("eras");
        let Ok(mut talk) = Talk::start(&self.config.command, self.guard) else {
            stage.outcome = Outcome::Skipped;
            stages.end((stage, began));
            return;
        };
        let found = discover(&mut talk, self.budget.at_most(self.probe_limit())).await;
        let speaks = matches!(&found, Ok(result) if speaks_modern(result));
        match &found {
            Ok(_) if speaks => stage.says(format!("2025 and {MODERN}")),
            _ => stage.says("2025"),
        }
        if self.config.protocol == UpstreamProtocol::Modern && !speaks {
            stage.find(ONLY_LEGACY, "", "it speaks the handshake of the 2025 era only");
            stage.outcome = Outcome::Failed;
        }
        match found {
            Err(Silence::Ended) => stage.find(TOUCHY, "", format!("it ended at {DISCOVER}")),
            Err(Silence::Timeout) => {
                stage.find(IGNORES_UNKNOWN, "", format!("it was silent at {DISCOVER}"));
            }
            _ => {}
        }
        talk.end(self.budget).await;
        stages.end((stage, began));
    }

    /// A server that starts slowly gets longer.
    fn probe_limit(&self) -> Duration {
        PROBE.max(self.config.connection_timeout.min(LAST_PROBE))
    }
}

fn speaks_modern(result: &Value) -> bool {
    let versions = result["supportedVersions"].as_array();
    versions.is_some_and(|versions| versions.iter().any(|version| version == MODERN))
}
