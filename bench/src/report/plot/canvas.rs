//! SVG: text, lines and marks, for light and dark pages. There is no background, so that of the
//! page is visible.

use std::fmt::Write;

use crate::contestant::Contestant;

const STYLE: &str = "text{font:13px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#24292f}\
.title{font-weight:600}.row{text-anchor:end}.tick{text-anchor:middle;font-size:12px;fill:#57606a}\
.small{font-size:11px;fill:#57606a}.value{text-anchor:end;font-weight:600;fill:#bc4c00}\
.mark{stroke:#fff}.grid{stroke:#d0d7de}.yardstick{stroke:#57606a;stroke-width:2}\
.ours{fill:#e36209}.npm{fill:#0969da}.supergateway{fill:#1a7f37}.pypi{fill:#8250df}.crate{fill:#9a6700}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.tick,.small{fill:#9198a1}.value{fill:#f0883e}\
.mark{stroke:#0d1117}.grid{stroke:#3d444d}.yardstick{stroke:#9198a1}\
.ours{fill:#f0883e}.npm{fill:#4493f8}.supergateway{fill:#3fb950}.pypi{fill:#ab7df8}.crate{fill:#d29922}}";

/// What is drawn so far.
#[derive(Debug)]
pub(super) struct Canvas {
    width: f64,
    body: String,
}

impl Canvas {
    pub(super) fn new(width: f64) -> Self {
        Self { width, body: String::new() }
    }

    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        self.push(&format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"));
    }

    /// A vertical line down to `bottom`.
    pub(super) fn line(&mut self, class: &str, (x, top): (f64, f64), bottom: f64) {
        self.push(&format!("<path class=\"{class}\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>"));
    }

    /// A contestant's mark, which has its own shape, so that it can be recognised without colour.
    pub(super) fn mark(&mut self, contestant: Contestant, (x, y): (f64, f64)) {
        let shape = match contestant {
            Contestant::Ours => "m-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0z",
            Contestant::Npm => "m-5-5h10v10h-10z",
            Contestant::Supergateway => "m0-7l7 7l-7 7l-7-7z",
            Contestant::Pypi => "m0-6l6.5 11h-13z",
            _ => "m0 6l6.5-11h-13z",
        };
        let class = contestant.name();
        self.push(&format!("<path class=\"mark {class}\" d=\"M{x:.1} {y:.1}{shape}\"/>"));
    }

    pub(super) fn finish(self, height: f64, title: &str) -> String {
        let Self { width, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n{body}</svg>\n"
        )
    }

    fn push(&mut self, element: &str) {
        // Writing into a String cannot fail.
        let _written = writeln!(self.body, "{element}");
    }
}
