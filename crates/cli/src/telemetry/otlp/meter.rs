//! Metrics: the families of `/metrics` under the same names, sent periodically.

use std::{
    env,
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mcp_proxy_core::{
    Meter,
    metrics::{Family, Kind, Labels, Value},
};
use opentelemetry_proto::{
    tonic::{
        collector::metrics::v1::ExportMetricsServiceRequest,
        common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
        metrics::v1::{
            AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
            ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
        },
        resource::v1::Resource,
    },
    transform::common::tonic::ResourceAttributesWithSchema,
};
use prost::Message as _;

use super::{client::Client, trouble::Trouble, wanted::Signal};

/// The interval, unless `OTEL_METRIC_EXPORT_INTERVAL` sets it.
const INTERVAL: Duration = Duration::from_mins(1);

/// A thread that sends; when dropped, it sends once more and ends.
pub(super) struct Measuring {
    /// Dropped to end the thread.
    more: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Measuring {
    /// Sends these metrics with this client; `None` if no thread can be started.
    pub(super) fn begin(
        client: Client,
        resource: &opentelemetry_sdk::Resource,
        meter: Meter,
    ) -> Option<Self> {
        let (more, ended) = sync_channel::<()>(1);
        let attributes = ResourceAttributesWithSchema::from(resource).attributes.0;
        let resource = Resource { attributes, ..Resource::default() };
        let (started, interval) = (nanos(), interval());
        let send = move || {
            let trouble = Trouble::with("metrics");
            loop {
                let end = ended.recv_timeout(interval) != Err(RecvTimeoutError::Timeout);
                let request = request(resource.clone(), &meter.read(), started);
                trouble.note(client.post(Signal::Metrics, request.encode_to_vec()));
                if end {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("otlp-metrics".to_owned()).spawn(send).ok()?;
        Some(Self { more: Some(more), thread: Some(thread) })
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        drop(self.more.take());
        if let Some(thread) = self.thread.take() {
            // The client has logged the failure.
            drop(thread.join());
        }
    }
}

fn interval() -> Duration {
    let millis = env::var("OTEL_METRIC_EXPORT_INTERVAL").ok();
    let millis = millis.and_then(|text| text.trim().parse().ok()).filter(|millis| *millis > 0);
    millis.map_or(INTERVAL, Duration::from_millis)
}

fn nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The message.
fn request(resource: Resource, families: &[Family], started: u64) -> ExportMetricsServiceRequest {
    let times = Times { started, now: nanos() };
    let scope = InstrumentationScope {
        name: "mcp-proxy".to_owned(),
        version: mcp_proxy_core::VERSION.to_owned(),
        ..InstrumentationScope::default()
    };
    let metrics = families.iter().filter(|family| !family.series.is_empty());
    let metrics = metrics.map(|family| metric(family, times)).collect();
    let scope = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
    let resource = ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![scope],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

/// The start of counting, and the current time.
#[derive(Clone, Copy)]
struct Times {
    started: u64,
    now: u64,
}

fn metric(family: &Family, times: Times) -> Metric {
    let unit = match family.name {
        name if name.ends_with("_seconds") => "s",
        name if name.ends_with("_bytes") => "By",
        _ => "",
    };
    let cumulative = AggregationTemporality::Cumulative.into();
    let numbers = || family.series.iter().map(|series| number(series, times)).collect();
    let data = match family.kind {
        Kind::Gauge => Data::Gauge(Gauge { data_points: numbers() }),
        Kind::Counter => Data::Sum(Sum {
            data_points: numbers(),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Kind::Histogram => Data::Histogram(Histogram {
            data_points: family.series.iter().filter_map(|one| histogram(one, times)).collect(),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn number((labels, value): &(Labels, Value), times: Times) -> NumberDataPoint {
    let value = match value {
        Value::Whole(number) => {
            number_data_point::Value::AsInt(i64::try_from(*number).unwrap_or(i64::MAX))
        }
        Value::Seconds(seconds) | Value::Histogram(seconds, ..) => {
            number_data_point::Value::AsDouble(*seconds)
        }
    };
    NumberDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: times.started,
        time_unix_nano: times.now,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn histogram((labels, value): &(Labels, Value), times: Times) -> Option<HistogramDataPoint> {
    let Value::Histogram(sum, count, buckets) = value else { return None };
    let bounds = buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite());
    Some(HistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: times.started,
        time_unix_nano: times.now,
        count: *count,
        sum: Some(*sum),
        bucket_counts: buckets.iter().map(|(_, count)| *count).collect(),
        explicit_bounds: bounds.collect(),
        ..HistogramDataPoint::default()
    })
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let attribute = |(name, value): &(&str, String)| KeyValue {
        key: (*name).to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.clone())) }),
        ..KeyValue::default()
    };
    labels.iter().map(attribute).collect()
}
