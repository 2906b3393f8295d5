//! A collector for OTLP over HTTP; it reads the few protobuf fields that the tests need.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use flate2::read::GzDecoder;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::protobuf::{fields, hexadecimal, text, within};
use crate::support::wait_for;

/// A span as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) parent: String,
    pub(crate) kind: u64,
    pub(crate) status: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    attributes: Vec<(String, String)>,
}

impl Span {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The names and values of the labels of a series.
type Labels = Vec<(String, String)>;

/// A metric as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) is_monotonic: bool,
    /// Bounds of the buckets of a histogram.
    pub(crate) bounds: usize,
    numbers: Vec<(Labels, f64)>,
}

impl Metric {
    /// The number of the series with exactly these labels.
    pub(crate) fn number(&self, labels: &[(&str, &str)]) -> Option<f64> {
        let is_it = |known: &[(String, String)]| {
            known.len() == labels.len()
                && labels.iter().all(|(name, value)| {
                    known.iter().any(|(known, own)| known == name && own == value)
                })
        };
        self.numbers.iter().find(|(known, _)| is_it(known)).map(|(_, number)| *number)
    }
}

/// A posted message.
#[derive(Clone, Debug, Default)]
struct Post {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// See the module. Dropping it closes its port.
pub(crate) struct Collector {
    listener: TcpListener,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        Self::accepting(take_all)
    }

    /// One that is reached by HTTPS.
    pub(crate) fn secured(config: ServerConfig) -> Self {
        let config = Arc::new(config);
        Self::accepting(move |connection, posts| {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            take_all(StreamOwned::new(session, connection), posts);
        })
    }

    fn accepting(take: impl Fn(TcpStream, &Mutex<Vec<Post>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let posts = Arc::<Mutex<Vec<Post>>>::default();
        let (accepting, taken) = (listener.try_clone().expect("a listener"), Arc::clone(&posts));
        let take = Arc::new(take);
        thread::spawn(move || {
            for connection in accepting.incoming().map_while(Result::ok) {
                let (take, taken) = (Arc::clone(&take), Arc::clone(&taken));
                thread::spawn(move || take(connection, &taken));
            }
        });
        Self { listener, posts }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("an address"))
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().expect("an address").port()
    }

    /// The first span with this name, once it has arrived.
    pub(crate) fn span(&self, name: &str) -> Span {
        wait_for(&format!("a span {name}"), || {
            let spans = self.bodies("/v1/traces").into_iter().flat_map(|body| spans_of(&body));
            spans.into_iter().find(|span| span.name == name)
        })
    }

    /// All metrics so far, the newest last.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        self.bodies("/v1/metrics").iter().flat_map(|body| metrics_of(body)).collect()
    }

    /// The texts of all log records so far.
    pub(crate) fn logs(&self) -> Vec<String> {
        self.bodies("/v1/logs").iter().flat_map(|body| logs_of(body)).collect()
    }

    /// The paths that something was posted to.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = self.posts().into_iter().map(|post| post.path).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// A header of the last request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers = self.posts().pop()?.headers;
        headers.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        let posts = self.posts().into_iter().filter(|post| post.path == path);
        posts.map(|post| post.body).collect()
    }
}

/// Takes every request of a connection.
fn take_all<S: Read + Write>(connection: S, posts: &Mutex<Vec<Post>>) {
    let mut reader = BufReader::new(connection);
    while let Some(post) = request(&mut reader) {
        posts.lock().unwrap_or_else(PoisonError::into_inner).push(post);
        let writer = reader.get_mut();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n";
        write!(writer, "{head}Content-Length: 0\r\n\r\n").expect("the exporter listens");
    }
}

/// The next request.
fn request(reader: &mut impl BufRead) -> Option<Post> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path =
        line.trim_end().strip_prefix("POST ").and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    let mut post = Post { path: path.expect("a post").to_owned(), ..Post::default() };
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a head");
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        post.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let header = |name: &str| post.headers.iter().find(|(known, _)| known == name);
    assert_eq!(header("content-type").expect("a type").1, "application/x-protobuf");
    let length = header("content-length").expect("a length").1.parse().expect("a number");
    let is_compressed = header("content-encoding").is_some_and(|(_, coding)| coding == "gzip");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    if is_compressed {
        GzDecoder::new(&body[..]).read_to_end(&mut post.body).expect("gzip");
    } else {
        post.body = body;
    }
    Some(post)
}

/// `ExportTraceServiceRequest`: resource spans, scope spans, spans.
fn spans_of(request: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for group in fields(request).filter(|(number, _)| *number == 1).map(|(_, group)| group.bytes())
    {
        let resource = within(group, 1).flat_map(|resource| within(resource, 1)).map(attribute);
        let service = resource.into_iter().find(|(name, _)| name == "service.name");
        let service = service.map(|(_, value)| value).unwrap_or_default();
        let parts = within(group, 2).flat_map(|scope| within(scope, 2)).map(span);
        spans.extend(parts.map(|span| Span { service: service.clone(), ..span }));
    }
    spans
}

fn span(bytes: &[u8]) -> Span {
    let mut span = Span::default();
    for (number, field) in fields(bytes) {
        match number {
            1 => span.trace = hexadecimal(field.bytes()),
            4 => span.parent = hexadecimal(field.bytes()),
            5 => span.name = text(field.bytes()),
            6 => span.kind = field.number(),
            7 => span.start = field.number(),
            8 => span.end = field.number(),
            9 => span.attributes.push(attribute(field.bytes())),
            15 => {
                let code = fields(field.bytes()).find(|(number, _)| *number == 3);
                span.status = code.map_or(0, |(_, code)| code.number());
            }
            _ => {}
        }
    }
    span
}

/// `KeyValue` with an `AnyValue` that is a text.
fn attribute(bytes: &[u8]) -> (String, String) {
    let key = within(bytes, 1).next().map(text).unwrap_or_default();
    let value = within(bytes, 2).flat_map(|value| within(value, 1)).next().map(text);
    (key, value.unwrap_or_default())
}

/// `ExportMetricsServiceRequest`: resource metrics, scope metrics, metrics.
fn metrics_of(request: &[u8]) -> Vec<Metric> {
    let scopes = within(request, 1).flat_map(|group| within(group, 2));
    scopes.flat_map(|scope| within(scope, 2)).map(metric).collect()
}

fn metric(bytes: &[u8]) -> Metric {
    let mut metric = Metric::default();
    for (number, field) in fields(bytes) {
        match number {
            1 => metric.name = text(field.bytes()),
            3 => metric.unit = text(field.bytes()),
            // Gauge and sum, whose points are numbers.
            5 | 7 => {
                let data = field.bytes();
                metric.is_monotonic = fields(data).any(|(number, _)| number == 3);
                metric.numbers = within(data, 1).map(point).collect();
            }
            9 => {
                let points = within(field.bytes(), 1);
                metric.bounds = points
                    .map(|point| within(point, 7).map(<[u8]>::len).sum::<usize>() / 8)
                    .max()
                    .unwrap_or(0);
            }
            _ => {}
        }
    }
    metric
}

/// `NumberDataPoint`.
fn point(bytes: &[u8]) -> (Vec<(String, String)>, f64) {
    let (mut labels, mut value) = (Vec::new(), f64::NAN);
    for (number, field) in fields(bytes) {
        match number {
            7 => labels.push(attribute(field.bytes())),
            4 => value = f64::from_bits(field.number()),
            6 => value = u32::try_from(field.number()).map_or(f64::INFINITY, f64::from),
            _ => {}
        }
    }
    (labels, value)
}

/// `ExportLogsServiceRequest`: resource logs, scope logs, log records, of which the bodies.
fn logs_of(request: &[u8]) -> Vec<String> {
    let scopes = within(request, 1).flat_map(|group| within(group, 2));
    let bodies = scopes.flat_map(|scope| within(scope, 2)).flat_map(|record| within(record, 5));
    bodies.flat_map(|body| within(body, 1)).map(text).collect()
}
