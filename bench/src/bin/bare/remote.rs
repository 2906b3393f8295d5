//! From stdio to a remote server: a POST for every line, its answer as a line. There is one client,
//! so ids are not changed.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, unix::pipe},
    sync::Notify,
    task::spawn_local,
};

const READ_AT_LEAST: usize = 64 * 1024;

type Sender = http1::SendRequest<Full<Bytes>>;

struct Remote {
    addr: SocketAddr,
    /// Connections without a request under way.
    idle: RefCell<Vec<Sender>>,
    answers: RefCell<Vec<u8>>,
    answered: Notify,
}

/// Relays until the input ends.
pub(crate) async fn relay(addr: SocketAddr) -> io::Result<()> {
    let remote = Rc::new(Remote {
        addr,
        idle: RefCell::default(),
        answers: RefCell::default(),
        answered: Notify::new(),
    });
    let stdin = pipe::Receiver::from_owned_fd(own(io::stdin())?)?;
    let stdout = pipe::Sender::from_owned_fd(own(io::stdout())?)?;
    tokio::select! {
        ended = Rc::clone(&remote).read(stdin) => ended,
        failed = remote.write(stdout) => failed,
    }
}

fn own(stream: impl AsFd) -> io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}

impl Remote {
    async fn read(self: Rc<Self>, mut stdin: pipe::Receiver) -> io::Result<()> {
        let mut input = BytesMut::new();
        loop {
            input.reserve(READ_AT_LEAST);
            if stdin.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
            while let Some(length) = memchr::memchr(b'\n', &input) {
                let line = input.split_to(length + 1).freeze();
                spawn_local(Rc::clone(&self).exchange(line.slice(..length)));
            }
        }
    }

    async fn write(&self, mut stdout: pipe::Sender) -> io::Result<()> {
        let mut answers = Vec::new();
        loop {
            self.answered.notified().await;
            std::mem::swap(&mut answers, &mut *self.answers.borrow_mut());
            stdout.write_all(&answers).await?;
            answers.clear();
        }
    }

    async fn exchange(self: Rc<Self>, line: Bytes) {
        // A line that could not be sent gets no answer, which the load generator notices.
        let Ok(answer) = self.post(line).await else { return };
        if !answer.is_empty() {
            let mut answers = self.answers.borrow_mut();
            answers.extend_from_slice(&answer);
            answers.push(b'\n');
            self.answered.notify_one();
        }
    }

    async fn post(&self, line: Bytes) -> io::Result<Bytes> {
        let idle = self.idle.borrow_mut().pop();
        let mut sender = match idle {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let request = Request::post("/mcp")
            .header("host", self.addr.to_string())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(Full::new(line))
            .map_err(io::Error::other)?;
        sender.ready().await.map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let answer = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        self.idle.borrow_mut().push(sender);
        Ok(answer)
    }

    async fn connect(&self) -> io::Result<Sender> {
        let stream = TcpStream::connect(self.addr).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        spawn_local(connection);
        Ok(sender)
    }
}
