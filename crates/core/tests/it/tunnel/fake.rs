//! A tunnel server that the test controls: it answers registrations from a script and gives every
//! pool connection to the test, which then plays the public side on it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answer to one registration.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Status(u16, &'static str),
    Assign(Assign),
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Assign {
    /// Another id than the one asked for.
    pub(crate) id: Option<&'static str>,
    pub(crate) count: Option<usize>,
    /// One port for all tunnels.
    pub(crate) shared: bool,
    /// Announce a port on which nobody listens.
    pub(crate) refused: bool,
}

pub(crate) struct Fake {
    pub(crate) url: String,
    /// Paths of the registrations.
    asked: mpsc::Receiver<String>,
    sockets: mpsc::Receiver<TcpStream>,
    state: Arc<State>,
}

struct State {
    script: Mutex<VecDeque<Answer>>,
    otherwise: Assign,
    known: Mutex<Vec<String>>,
    listeners: Mutex<JoinSet<()>>,
    shared_port: u16,
    asked: mpsc::Sender<String>,
    sockets: mpsc::Sender<TcpStream>,
}

impl Fake {
    /// Serves `script`, then `otherwise` until it is stopped.
    pub(crate) async fn start(script: &[Answer], otherwise: Assign) -> Self {
        let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (asked, asked_rx) = mpsc::channel(64);
        let (sockets, sockets_rx) = mpsc::channel(64);
        let url = format!("http://{}", control.local_addr().unwrap());
        let state = Arc::new(State {
            script: Mutex::new(script.iter().copied().collect()),
            otherwise,
            known: Mutex::default(),
            listeners: Mutex::default(),
            shared_port: shared.local_addr().unwrap().port(),
            asked,
            sockets,
        });
        tokio::spawn(Arc::clone(&state).control(control));
        tokio::spawn(Arc::clone(&state).share(shared));
        Self { url, asked: asked_rx, sockets: sockets_rx, state }
    }

    /// The path of the next registration.
    pub(crate) async fn asked(&mut self) -> String {
        timeout(PATIENCE, self.asked.recv()).await.expect("a registration").unwrap()
    }

    /// The next pool connection.
    pub(crate) async fn socket(&mut self) -> TcpStream {
        timeout(PATIENCE, self.sockets.recv()).await.expect("a pool connection").unwrap()
    }

    /// Whether there was a registration that the test has not looked at.
    pub(crate) fn was_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    pub(crate) fn has_socket(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// Drops the records of all tunnels and the pool connections the test does not hold.
    pub(crate) async fn forget(&mut self) {
        self.state.known.lock().unwrap().clear();
        let mut listeners = std::mem::take(&mut *self.state.listeners.lock().unwrap());
        listeners.shutdown().await;
        while self.sockets.try_recv().is_ok() {}
    }
}

impl State {
    async fn control(self: Arc<Self>, listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = read_head(&mut stream).await;
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let next = self.script.lock().unwrap().pop_front();
            let (status, body) = match next.unwrap_or(Answer::Assign(self.otherwise)) {
                Answer::Status(status, body) => (status, body.to_owned()),
                Answer::Assign(assign) => (200, self.assign(&path, assign).await),
            };
            self.asked.try_send(path).unwrap();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    async fn assign(self: &Arc<Self>, path: &str, assign: Assign) -> String {
        let wanted = match path.trim_start_matches('/') {
            "?new" => "calm-owl-7",
            wanted => wanted,
        };
        let id = assign.id.unwrap_or(wanted);
        self.known.lock().unwrap().push(id.to_owned());
        let port = if assign.shared { self.shared_port } else { self.own_port(assign).await };
        let count = assign.count.map_or(String::new(), |n| format!(r#","maxConnCount":{n}"#));
        let shared = if assign.shared { r#","sharedTunnel":true"# } else { "" };
        format!(
            r#"{{"id":"{id}","port":{port},"url":"https://{wanted}.t.example"{count}{shared}}}"#
        )
    }

    async fn own_port(self: &Arc<Self>, assign: Assign) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        if !assign.refused {
            let sockets = self.sockets.clone();
            self.listeners.lock().unwrap().spawn(async move {
                loop {
                    sockets.try_send(listener.accept().await.unwrap().0).unwrap();
                }
            });
        }
        port
    }

    async fn share(self: Arc<Self>, listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut id = Vec::new();
            // A tunnel that is being closed or registered again may disconnect before it has sent
            // its id.
            while !id.ends_with(b"\n")
                && let Ok(byte) = stream.read_u8().await
            {
                id.push(byte);
            }
            let id = std::str::from_utf8(&id).unwrap().trim_end();
            if self.known.lock().unwrap().iter().any(|known| known == id) {
                self.sockets.try_send(stream).unwrap();
            }
        }
    }
}

/// Reads up to and with the empty line.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    read_until(stream, "\r\n\r\n").await
}

/// Reads up to and with `end`.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let read = async {
        while !text.ends_with(end.as_bytes()) {
            text.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("{end:?} does not come"));
    String::from_utf8(text).unwrap()
}

/// Reads to the end.
pub(crate) async fn read_rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("an end").unwrap();
    text
}

/// One request on a pool connection, which ends with it.
pub(crate) async fn exchange(stream: &mut TcpStream, path: &str, body: &str) -> String {
    start(stream, path, body).await;
    read_rest(stream).await
}

/// Sends a request as the tunnel server does.
pub(crate) async fn start(stream: &mut TcpStream, path: &str, body: &str) {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: wanted.t.example\r\nconnection: keep-alive\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Waits until the far end has closed.
pub(crate) async fn ended(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is as good as a regular end.
    drop(timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end"));
}

/// An address on which nobody listens.
pub(crate) async fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
