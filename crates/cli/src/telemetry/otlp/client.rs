//! The HTTP client that all signals share.

use std::{env, fs, io::Write as _, sync::mpsc, thread, time::Duration};

use flate2::{Compression, write::GzEncoder};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use reqwest::{
    Certificate, Identity,
    blocking::{self, Request},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};

use super::wanted::Signal;

/// Time limit for a collector, unless a variable sets one.
const TIMEOUT: Duration = Duration::from_secs(10);

/// See the module; clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Client(blocking::Client);

impl Client {
    /// With the certificates that the variables name.
    pub(super) fn of_environment() -> Result<Self, String> {
        // Installs the process's default provider; an existing one is fine.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = blocking::Client::builder().timeout(timeout(None));
        let file = |name: &str| {
            let path = env::var_os(name).filter(|path| !path.is_empty())?;
            Some(fs::read(&path).map_err(|error| format!("{name}={}: {error}", path.display())))
        };
        if let Some(pem) = file("OTEL_EXPORTER_OTLP_CERTIFICATE").transpose()? {
            let roots = Certificate::from_pem_bundle(&pem)
                .map_err(|error| format!("OTEL_EXPORTER_OTLP_CERTIFICATE: {error}"))?;
            builder =
                roots.into_iter().fold(builder, blocking::ClientBuilder::add_root_certificate);
        }
        let certificate = file("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE").transpose()?;
        let key = file("OTEL_EXPORTER_OTLP_CLIENT_KEY").transpose()?;
        if let (Some(mut both), Some(key)) = (certificate, key) {
            both.push(b'\n');
            both.extend(key);
            let identity = Identity::from_pem(&both)
                .map_err(|error| format!("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: {error}"))?;
            builder = builder.identity(identity);
        }
        built(builder).map(Self)
    }

    /// An exporter that uses this client.
    pub(super) fn lend<B: WithHttpConfig + WithExportConfig>(&self, builder: B) -> B {
        builder.with_http_client(self.0.clone())
    }

    /// Posts a signal's message.
    pub(super) fn post(&self, signal: Signal, message: Vec<u8>) -> Result<(), String> {
        let request = self.request(signal, message)?;
        let sent = self.0.execute(request).map_err(|error| sentence(&error))?;
        match sent.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("{} answered {status}", signal.endpoint())),
        }
    }

    fn request(&self, signal: Signal, message: Vec<u8>) -> Result<Request, String> {
        let mut headers = headers(&signal.setting("HEADERS").unwrap_or_default());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let is_small = signal.setting("COMPRESSION").is_some_and(|name| name == "gzip");
        let body = if is_small {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzipped(&message)
        } else {
            message
        };
        let request = self.0.post(signal.endpoint()).headers(headers).body(body);
        let request = request.timeout(timeout(signal.setting("TIMEOUT").as_deref()));
        request.build().map_err(|error| format!("{}: {}", signal.endpoint(), sentence(&error)))
    }
}

/// Created on a thread of its own: a blocking client cannot be created in an async task.
fn built(builder: blocking::ClientBuilder) -> Result<blocking::Client, String> {
    let (made, client) = mpsc::sync_channel(1);
    thread::spawn(move || made.send(builder.build()));
    let client = client.recv().map_err(|error| error.to_string())?;
    client.map_err(|error| sentence(&error))
}

/// An error with its causes.
fn sentence(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn timeout(own: Option<&str>) -> Duration {
    let all = env::var("OTEL_EXPORTER_OTLP_TIMEOUT").ok();
    let millis = own.or(all.as_deref()).and_then(|text| text.trim().parse().ok());
    millis.map_or(TIMEOUT, Duration::from_millis)
}

/// `name=value,name=value`, with values percent-encoded. Invalid headers are left out.
fn headers(text: &str) -> HeaderMap {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let header = |(name, value): (&str, &str)| {
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name = HeaderName::try_from(name.trim()).ok()?;
        Some((name, HeaderValue::try_from(value.as_ref()).ok()?))
    };
    pairs.filter_map(header).collect()
}

fn gzipped(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to a vector cannot fail.
    drop(encoder.write_all(message));
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_the_specification_writes_them() {
        let headers = headers("authorization=Bearer%20abc, x-a = b=c ,bad name=x,=y,z");
        let found = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        assert!(found.eq([("authorization", "Bearer abc"), ("x-a", "b=c")]));
    }
}
