//! The signals that the standard variables ask for.

use std::env;

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    /// In the order of their numbers.
    pub(super) const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// Its name in variables.
    fn name(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
            Self::Logs => "LOGS",
        }
    }

    /// Whether it is sent; fails with a sentence if the variables ask for something impossible.
    pub(super) fn wanted(self) -> Result<bool, String> {
        self.wanted_by(|name| env::var(name).ok())
    }

    fn wanted_by(self, variable: impl Fn(&str) -> Option<String>) -> Result<bool, String> {
        let variable = |name: String| variable(&name).filter(|value| !value.trim().is_empty());
        let name = self.name();
        let is_off = variable("OTEL_SDK_DISABLED".to_owned());
        if is_off.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(false);
        }
        let exporters = variable(format!("OTEL_{name}_EXPORTER"));
        let of_exporter = |suffix: &str| {
            variable(format!("OTEL_EXPORTER_OTLP_{name}_{suffix}"))
                .or_else(|| variable(format!("OTEL_EXPORTER_OTLP_{suffix}")))
        };
        let is_wanted = match exporters {
            Some(exporters) => exporters.split(',').any(|exporter| exporter.trim() == "otlp"),
            None => of_exporter("ENDPOINT").is_some(),
        };
        let protocol = of_exporter("PROTOCOL").unwrap_or_else(|| "http/protobuf".to_owned());
        if is_wanted && protocol == "grpc" {
            let signal = name.to_ascii_lowercase();
            return Err(format!(
                "{signal} are not sent, because OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which is not \
                 built in: set it to http/protobuf and use the collector's HTTP port (usually 4318)"
            ));
        }
        Ok(is_wanted)
    }

    /// The value of a variable of the exporter: its own, or the one for all signals.
    pub(super) fn setting(self, suffix: &str) -> Option<String> {
        let own = env::var(format!("OTEL_EXPORTER_OTLP_{}_{suffix}", self.name()));
        let value = own.or_else(|_| env::var(format!("OTEL_EXPORTER_OTLP_{suffix}")));
        value.ok().filter(|value| !value.trim().is_empty())
    }

    /// The URL to which it is posted: its own endpoint unchanged, or its path below the common one.
    pub(super) fn endpoint(self) -> String {
        let own = env::var(format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", self.name()));
        own.ok().filter(|url| !url.trim().is_empty()).unwrap_or_else(|| {
            let base = env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|url| !url.is_empty());
            let base = base.unwrap_or_else(|| "http://localhost:4318".to_owned());
            format!("{}/v1/{}", base.trim_end_matches('/'), self.name().to_ascii_lowercase())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(signal: Signal, variables: &[(&str, &str)]) -> Result<bool, String> {
        signal.wanted_by(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_signal_is_sent_if_the_standard_variables_ask_for_it() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
        for (variables, expected) in [
            (&[][..], [false; 3]),
            (&[("OTEL_SERVICE_NAME", "edge")], [false; 3]),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], [false; 3]),
            (&[endpoint], [true; 3]),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c")], [true, false, false]),
            (&[("OTEL_METRICS_EXPORTER", "otlp")], [false, true, false]),
            (&[endpoint, ("OTEL_LOGS_EXPORTER", "none")], [true, true, false]),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "console, otlp")], [true; 3]),
            (&[endpoint, ("OTEL_SDK_DISABLED", "True")], [false; 3]),
        ] {
            let found = Signal::ALL.map(|signal| wanted(signal, variables).unwrap());
            assert_eq!(found, expected, "{variables:?}");
        }
    }

    #[test]
    fn a_protocol_that_is_not_built_in_is_an_error_where_something_is_sent() {
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        assert_eq!(wanted(Signal::Logs, &[grpc]), Ok(false));
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
        assert!(wanted(Signal::Logs, &[endpoint, grpc]).unwrap_err().contains("http/protobuf"));
        let own = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf");
        assert_eq!(wanted(Signal::Logs, &[endpoint, grpc, own]), Ok(true));
    }
}
