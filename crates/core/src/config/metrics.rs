//! Where metrics are served.

/// Where metrics go. If no target is set, nothing is counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsConfig {
    /// `/metrics` on the front. Requires its API key; without one the start fails.
    pub on_front: bool,
    /// `/metrics` on a port of its own, without a key.
    pub listener: Option<MetricsListenerConfig>,
    /// Read through a [`Meter`](crate::Meter).
    pub read: bool,
}

impl MetricsConfig {
    /// Whether anything is counted.
    pub fn is_on(&self) -> bool {
        self.on_front || self.listener.is_some() || self.read
    }
}

/// The port that serves nothing but metrics and health.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsListenerConfig {
    /// Host name or address to listen on, `127.0.0.1` by default.
    pub host: String,
    /// Port to listen on; 0 lets the system choose.
    pub port: u16,
}
