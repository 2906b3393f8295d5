//! The metrics as OpenMetrics text.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::families::{Family, Kind, Value};

/// The whole text.
pub(crate) fn expose(families: Vec<Family>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(families)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Exposition(Vec<Family>);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, kind, series } in &self.0 {
            let mut family = encoder.encode_descriptor(name, help, None, metric_type(*kind))?;
            match &series[..] {
                [(labels, value)] if labels.is_empty() => write(*kind, value, family)?,
                series => {
                    for (labels, value) in series {
                        write(*kind, value, family.encode_family(labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn metric_type(kind: Kind) -> MetricType {
    match kind {
        Kind::Gauge => MetricType::Gauge,
        Kind::Counter => MetricType::Counter,
        Kind::Histogram => MetricType::Histogram,
    }
}

fn write(kind: Kind, value: &Value, mut metric: MetricEncoder<'_>) -> fmt::Result {
    match (kind, value) {
        (_, Value::Histogram(sum, count, buckets)) => {
            metric.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
        }
        (Kind::Counter, Value::Whole(number)) => ConstCounter::new(*number).encode(metric),
        (Kind::Counter, Value::Seconds(number)) => ConstCounter::new(*number).encode(metric),
        (_, Value::Whole(number)) => ConstGauge::new(*number).encode(metric),
        (_, Value::Seconds(number)) => ConstGauge::new(*number).encode(metric),
    }
}
