//! What the process does beside serving: logs, metrics, a recording, the inspection page, a tunnel.

use mcp_proxy_core::{
    config::{
        InspectConfig, MetricsConfig, MetricsListenerConfig, RecordingConfig, RedactionConfig,
    },
    tunnel,
};

use super::{auth, units::size};
use crate::{
    args::{UsageError, Values, flags},
    telemetry::Logging,
};

pub(super) fn tunnel(values: &Values) -> Result<Option<tunnel::Config>, UsageError> {
    if !values.of(&flags::TUNNEL)? {
        return Ok(None);
    }
    let mut config = tunnel::Config {
        subdomain: values.of(&flags::TUNNEL_SUBDOMAIN)?,
        ..tunnel::Config::default()
    };
    if let Some(host) = values.of(&flags::TUNNEL_HOST)? {
        config.host = host;
    }
    Ok(Some(config))
}

pub(super) fn logging(values: &Values) -> Result<Logging, UsageError> {
    Ok(Logging {
        debug: values.of(&flags::DEBUG)?,
        level: values.of(&flags::LOG_LEVEL)?,
        format: values.of(&flags::LOG_FORMAT)?,
    })
}

pub(super) fn inspection(values: &Values) -> Result<Option<InspectConfig>, UsageError> {
    let port = values.of(&flags::INSPECT_PORT)?;
    let redaction =
        RedactionConfig { off: values.of(&flags::INSPECT_RAW)?, what: values.of(&flags::REDACT)? };
    let wanted = values.of(&flags::INSPECT)? || port.is_some();
    Ok(wanted.then(|| InspectConfig { port: port.unwrap_or_default(), redaction }))
}

pub(super) fn recording(values: &Values) -> Result<Option<RecordingConfig>, UsageError> {
    let Some(file) = values.of(&flags::RECORD)? else { return Ok(None) };
    Ok(Some(RecordingConfig {
        max_size: values.of(&flags::RECORD_MAX_SIZE)?,
        max_files: size(values.of(&flags::RECORD_MAX_FILES)?),
        redaction: RedactionConfig { off: false, what: values.of(&flags::REDACT)? },
        ..RecordingConfig::new(file)
    }))
}

pub(super) fn metrics(values: &Values) -> Result<MetricsConfig, UsageError> {
    let on_front = values.of(&flags::METRICS)?;
    if on_front && !auth::auth(values)?.is_on() {
        return Err(UsageError::OpenMetrics);
    }
    let host = values.of(&flags::METRICS_HOST)?;
    let port = values.of(&flags::METRICS_PORT)?;
    let listener = port.map(|port| MetricsListenerConfig { host, port });
    Ok(MetricsConfig { on_front, listener, read: false })
}
