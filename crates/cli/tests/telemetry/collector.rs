//! A collector that takes OTLP over HTTP: the few fields of its protobuf that are looked at.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

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

/// See the module. Its port is closed again when it is dropped.
pub(crate) struct Collector {
    listener: TcpListener,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let (accepting, taken) = (listener.try_clone().expect("a listener"), Arc::clone(&spans));
        thread::spawn(move || {
            for connection in accepting.incoming().map_while(Result::ok) {
                let taken = Arc::clone(&taken);
                thread::spawn(move || take_all(&connection, &taken));
            }
        });
        Self { listener, spans }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("an address"))
    }

    /// The first span of this name, once it is there.
    pub(crate) fn span(&self, name: &str) -> Span {
        wait_for(&format!("a span {name}"), || {
            let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
            spans.iter().find(|span| span.name == name).cloned()
        })
    }
}

/// Takes every request of a connection.
fn take_all(connection: &TcpStream, spans: &Mutex<Vec<Span>>) {
    let mut reader = BufReader::new(connection);
    while let Some(body) = request(&mut reader) {
        spans.lock().unwrap_or_else(PoisonError::into_inner).extend(spans_of(&body));
        let mut writer = connection;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n";
        write!(writer, "{head}Content-Length: 0\r\n\r\n").expect("the exporter listens");
    }
}

/// The body of the next request.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert_eq!(line.trim_end(), "POST /v1/traces HTTP/1.1");
    let (mut length, mut kind) = (0, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a head");
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a length"),
            "content-type" => value.clone_into(&mut kind),
            _ => {}
        }
    }
    assert_eq!(kind, "application/x-protobuf");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    Some(body)
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

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("a text")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A field of a protobuf message.
#[derive(Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(self) -> u64 {
        let Self::Number(number) = self else { panic!("a number is expected") };
        number
    }

    fn bytes(self) -> &'a [u8] {
        let Self::Bytes(bytes) = self else { panic!("bytes are expected") };
        bytes
    }
}

/// The messages in all fields of this number.
fn within(bytes: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    fields(bytes).filter(move |(number, _)| *number == wanted).map(|(_, field)| field.bytes())
}

fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_first_chunk().expect("eight bytes");
                bytes = rest;
                Field::Number(u64::from_le_bytes(*number))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).expect("a length");
                let (field, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(field)
            }
            5 => {
                let (number, rest) = bytes.split_first_chunk().expect("four bytes");
                bytes = rest;
                Field::Number(u32::from_le_bytes(*number).into())
            }
            kind => panic!("no such kind of field: {kind}"),
        };
        Some((tag >> 3, field))
    })
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().expect("a byte");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}
