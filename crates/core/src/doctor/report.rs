//! What was looked at and what was found, as values.

use std::time::Duration;

use serde_json::{Value, json};

use super::codes::{Code, Severity};

/// Longest text of a finding or a stage.
const LONGEST: usize = 500;

/// A finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The kind of finding.
    pub code: Code,
    /// The part that it is about: `tool add`, `standard output`; empty for the server as a whole.
    pub subject: String,
    /// What was seen, in a sentence without a full stop.
    pub text: String,
}

impl Finding {
    pub(super) fn new(code: Code, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code, subject: line(&subject.into()), text: line(&text.into()) }
    }
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was completed, whatever was found.
    Done,
    /// The next stages cannot be tried.
    Failed,
    /// It was not tried.
    Skipped,
}

/// One of the things that were looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name: `resolve`, `handshake`.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// What was seen, in a few words.
    pub detail: String,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Everything about one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Its name, if it is one of several.
    pub server: Option<String>,
    /// The command or the URL, without secrets.
    pub subject: String,
    /// In the order in which they were done.
    pub stages: Vec<Stage>,
}

impl Stage {
    pub(super) fn new(name: &'static str) -> Self {
        let detail = String::new();
        let outcome = Outcome::Done;
        Self { name, outcome, took: Duration::ZERO, detail, findings: Vec::new() }
    }

    /// The worst of its findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.code.severity).max()
    }

    pub(super) fn find(&mut self, code: Code, subject: impl Into<String>, text: impl Into<String>) {
        self.findings.push(Finding::new(code, subject, text));
    }

    pub(super) fn fail(&mut self, code: Code, text: impl Into<String>) {
        self.find(code, "", text);
        self.outcome = Outcome::Failed;
    }

    pub(super) fn says(&mut self, detail: impl Into<String>) {
        self.detail = line(&detail.into());
    }
}

impl Report {
    /// Everything that was found, stage by stage.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.stages.iter().flat_map(|stage| &stage.findings)
    }

    /// How many findings there are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings().filter(|finding| finding.code.severity == severity).count()
    }

    /// The report for a program.
    pub fn json(&self) -> Value {
        let stages: Vec<Value> = self.stages.iter().map(stage).collect();
        json!({ "server": self.server, "subject": self.subject, "stages": stages })
    }
}

fn stage(stage: &Stage) -> Value {
    let outcome = match stage.outcome {
        Outcome::Done => "done",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
    };
    let findings: Vec<Value> = stage.findings.iter().map(finding).collect();
    json!({
        "stage": stage.name,
        "outcome": outcome,
        "milliseconds": u64::try_from(stage.took.as_millis()).unwrap_or(u64::MAX),
        "detail": stage.detail,
        "findings": findings,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code.to_string(),
        "severity": finding.code.severity.name(),
        "title": finding.code.title,
        "subject": finding.subject,
        "text": finding.text,
        "remedy": finding.code.remedy,
    })
}

/// A text on one line, without control characters, and cut if it is long.
pub(super) fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let hostile = |letter: char| letter.is_control() || super::checks::text::is_unseen(letter);
    let line = words.join(" ").replace(hostile, "\u{fffd}");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
