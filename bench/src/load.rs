//! Closed-loop load: every lane makes its next call when the last one is answered.

use std::time::{Duration, Instant};

use tokio::{task::JoinSet, time::timeout};

use crate::{
    failure::Failure,
    http::HttpConnection,
    lane::Lane,
    request::{Dialect, Route, Target, Tool},
    session,
};

/// Extra time for answers after the load has ended.
pub(crate) const PATIENCE: Duration = Duration::from_secs(6);

/// The shape of a load.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) dialect: Dialect,
    pub(crate) connections: u64,
    /// Connections are spread over this many sessions.
    pub(crate) sessions: u64,
    pub(crate) tool: Tool,
}

/// Open lanes.
#[derive(Debug)]
pub(crate) struct Load {
    target: Target,
    lanes: Vec<Lane>,
    routes: Vec<Route>,
}

/// The result of a stretch of load.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) elapsed: Duration,
    /// Answers that arrived on lanes they do not belong to.
    pub(crate) misdelivered: u32,
    latencies: Vec<Duration>,
}

impl Load {
    pub(crate) async fn open(target: &Target, shape: &Shape) -> Result<Self, Failure> {
        let mut load = Self { target: target.clone(), lanes: Vec::new(), routes: Vec::new() };
        for number in 0..shape.connections {
            // A session of HTTP+SSE is its stream, and a stream belongs to one lane here.
            let shared = match shape.dialect {
                Dialect::Sse => None,
                _ if number < shape.sessions => None,
                _ => load.routes.get(usize::try_from(number % shape.sessions).unwrap_or_default()),
            };
            let lane = if let Some(route) = shared {
                Lane::join(target, shape.dialect, route, &shape.tool, number).await?
            } else {
                let opened = Lane::open(target, shape.dialect, &shape.tool, number);
                let (lane, route) = timeout(PATIENCE, opened).await??;
                load.routes.push(route);
                lane
            };
            load.lanes.push(lane);
        }
        Ok(load)
    }

    /// Loads for this duration.
    pub(crate) async fn run(&mut self, span: Duration) -> Result<Tally, Failure> {
        let started = Instant::now();
        let until = started + span;
        let mut running = JoinSet::new();
        for lane in self.lanes.drain(..) {
            running.spawn(drive(lane, until));
        }
        let (mut misdelivered, mut latencies) = (0, Vec::new());
        let joined = async {
            while let Some(driven) = running.join_next().await {
                let (mut lane, taken) = driven.map_err(std::io::Error::other)??;
                misdelivered += std::mem::take(&mut lane.misdelivered);
                self.lanes.push(lane);
                latencies.extend(taken);
            }
            Ok::<(), Failure>(())
        };
        timeout(span + PATIENCE, joined).await??;
        Ok(Tally { misdelivered, ..Tally::new(started.elapsed(), latencies) })
    }

    /// Makes this many calls on the first lane.
    pub(crate) async fn calls(&mut self, count: usize) -> Result<(), Failure> {
        let Some(lane) = self.lanes.first_mut() else { return Ok(()) };
        for _ in 0..count {
            timeout(PATIENCE, lane.call()).await??;
        }
        Ok(())
    }

    /// Ends the sessions that have an end.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        drop(self.lanes);
        let mut connection = HttpConnection::open(self.target.addr).await?;
        for route in self.routes.iter().filter(|route| route.headers.contains("mcp-session-id")) {
            timeout(PATIENCE, session::close(&self.target, route, &mut connection)).await??;
        }
        Ok(())
    }
}

async fn drive(mut lane: Lane, until: Instant) -> Result<(Lane, Vec<Duration>), Failure> {
    let mut latencies = Vec::with_capacity(1 << 14);
    let mut now = Instant::now();
    while now < until {
        lane.call().await?;
        let answered = Instant::now();
        latencies.push(answered - now);
        now = answered;
    }
    Ok((lane, latencies))
}

impl Tally {
    pub(crate) fn new(elapsed: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { elapsed, misdelivered: 0, latencies }
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 calls")]
    pub(crate) fn calls(&self) -> f64 {
        self.latencies.len() as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.calls() / self.elapsed.as_secs_f64()
    }

    /// The latency in ms that this many of 100 calls stay below.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.latencies.len() * percent / 100).min(self.latencies.len().max(1) - 1);
        self.latencies.get(rank).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}
