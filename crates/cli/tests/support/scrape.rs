//! Reads metrics as a scraper does.

use super::{Connection, Proxy, Request, wait_for};

/// The metrics at one moment.
pub(crate) struct Scrape(String);

impl Scrape {
    /// From the metrics' own port, which the proxy has printed.
    pub(crate) fn of(proxy: &Proxy) -> Self {
        let mut connection = Connection::to(port(proxy));
        let answer = connection.exchange(&Request::get("/metrics"));
        assert_eq!(answer.status, 200);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(answer.header("content-type"), Some(kind));
        assert!(answer.text().ends_with("# EOF\n"), "{}", answer.text());
        Self(answer.text().to_owned())
    }

    /// The value of one series.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.parse().expect("a number"))
    }

    /// All lines of a family, without its comments.
    pub(crate) fn family(&self, name: &str) -> Vec<&str> {
        let of_family =
            |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        self.0.lines().filter(of_family).collect()
    }

    /// The names of all families that have series.
    pub(crate) fn families(&self) -> Vec<String> {
        let (mut names, mut last) = (Vec::new(), "");
        for line in self.0.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                last = kind.split(' ').next().unwrap_or_default();
            } else if !line.starts_with('#') && names.last().is_none_or(|name| name != last) {
                names.push(last.to_owned());
            }
        }
        names
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.0.lines().filter(|line| !line.starts_with('#')).count()
    }
}

/// The metrics' own port.
pub(crate) fn port(proxy: &Proxy) -> u16 {
    let line = proxy.stdout.line(|line| line.trim_start().starts_with("metrics "));
    let line = line.expect("the metrics are announced");
    let address = line.rsplit("localhost:").next().expect("an address");
    address.trim_end_matches("/metrics").parse().expect("a port")
}

/// Waits until a series has this value.
pub(crate) fn settles(proxy: &Proxy, series: &str, value: f64) {
    wait_for(&format!("{series} is {value}"), || {
        let now = Scrape::of(proxy).value(series);
        now.filter(|now| (now - value).abs() < f64::EPSILON)
    });
}
