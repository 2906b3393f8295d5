//! The findings, for people and for programs.

use mcp_proxy_core::doctor::{Finding, Report, Severity};
use serde_json::{Value, json};

use crate::{paint::Paint, plain::one_line};

/// Version of the document's format.
const FORM: u32 = 1;

/// The reports for a program.
pub(super) fn document(reports: &[Report]) -> Value {
    let count = |severity| reports.iter().map(|report| report.count(severity)).sum::<usize>();
    json!({
        "version": FORM,
        "ok": count(Severity::Error) == 0,
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
        "notes": count(Severity::Note),
        "servers": reports.iter().map(Report::json).collect::<Vec<_>>(),
    })
}

/// The reports for a person: the worst findings first, each with its remedy.
pub(super) fn text(reports: &[Report], paint: Paint) -> String {
    let mut text = String::new();
    for report in reports {
        let name = report.server.as_deref().map(|name| format!("{}: ", one_line(name, 80)));
        let title = format!("{}{}", name.unwrap_or_default(), one_line(&report.subject, 200));
        push(&mut text, format_args!("{}", paint.bold(title)));
        let mut findings: Vec<&Finding> = report.findings().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.code.severity));
        for finding in &findings {
            one(&mut text, finding, paint);
        }
        let summary = summary(report);
        let summary = if report.count(Severity::Error) > 0 {
            paint.red(summary)
        } else {
            paint.green(summary)
        };
        push(&mut text, format_args!("{summary}\n"));
    }
    if reports.iter().any(|report| report.findings().next().is_some()) {
        push(&mut text, format_args!("{}", paint.dim("docs/doctor.md says more about each code")));
    }
    text
}

fn one(text: &mut String, finding: &Finding, paint: Paint) {
    let severity = format!("{:<7}", finding.code.severity.name());
    let severity = match finding.code.severity {
        Severity::Error => paint.red(severity),
        Severity::Warning => paint.yellow(severity),
        Severity::Note => paint.dim(severity),
    };
    push(text, format_args!("  {severity} {}  {}", finding.code, paint.bold(finding.code.title)));
    let subject = match finding.subject.as_str() {
        "" => String::new(),
        subject => format!("{subject}: "),
    };
    if !(subject.is_empty() && finding.text.is_empty()) {
        push(
            text,
            format_args!("          {}", one_line(&format!("{subject}{}", finding.text), 500)),
        );
    }
    push(text, format_args!("          {} {}", paint.cyan("→"), finding.code.remedy));
}

fn summary(report: &Report) -> String {
    let words = |severity: Severity| match report.count(severity) {
        0 => None,
        1 => Some(format!("1 {}", severity.name())),
        many => Some(format!("{many} {}s", severity.name())),
    };
    let parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(words)
        .collect();
    if parts.is_empty() { "nothing is wrong".to_owned() } else { parts.join(", ") }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}
