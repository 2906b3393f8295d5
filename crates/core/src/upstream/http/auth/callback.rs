//! The redirect target of a sign-in: a port of this machine, on loopback only.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use reqwest::Url;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    config::{CallbackConfig, CallbackHost},
    telemetry::console_error,
};

/// Time limit for a user to sign in, and for a used port to become free.
const PATIENCE: Duration = Duration::from_mins(5);
/// Pause before a port is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// Time in which a connection must send its request. Browsers open some that they do not use.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_REQUEST: usize = 16 * 1024;
/// Most connections that are read at a time; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 32;

/// See the module.
#[derive(Debug)]
pub(super) struct Callback {
    first: TcpListener,
    /// The second address of `localhost`.
    second: Option<TcpListener>,
    path: String,
    /// The redirect URI, as it is registered.
    pub(super) redirect: String,
}

/// The target of a connection's request; `None` if it did not come in time.
type Request = (TcpStream, Option<String>);

impl Callback {
    /// Opens the configured port, and waits while another program uses it; if none is configured,
    /// the preferred port or any other.
    pub(super) async fn open(
        config: &CallbackConfig,
        preferred: Option<u16>,
    ) -> Result<Self, String> {
        let failed =
            |error: io::Error| format!("cannot open a port for the browser's return: {error}");
        let (first, second) = if config.port == 0 {
            let preferred = match preferred {
                Some(port) => listeners(config.host, port).await.ok(),
                None => None,
            };
            match preferred {
                Some(listeners) => listeners,
                None => listeners(config.host, 0).await.map_err(failed)?,
            }
        } else {
            wait_for(config).await.map_err(failed)?
        };
        let port = first.local_addr().map_err(failed)?.port();
        let (host, path) = (config.host.as_str(), config.path.clone());
        Ok(Self { first, second, redirect: format!("http://{host}:{port}{path}"), path })
    }

    /// The path of the redirect URI.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The result of the first request that contains one. With `pasted`, the address at which a
    /// browser elsewhere ended may be a line of standard input.
    pub(super) async fn answered(
        &self,
        outcome: impl Fn(&str) -> Option<Result<String, String>>,
        pasted: bool,
    ) -> Result<String, String> {
        let answered = async {
            tokio::select! {
                code = self.serve(&outcome) => code,
                code = read_pasted(&outcome), if pasted => code,
            }
        };
        let answered = timeout(PATIENCE, answered).await;
        answered.map_err(|_| "nobody signed in within five minutes".to_owned())?
    }

    async fn serve(
        &self,
        outcome: &impl Fn(&str) -> Option<Result<String, String>>,
    ) -> Result<String, String> {
        let mut requests: JoinSet<Request> = JoinSet::new();
        loop {
            let (stream, target) = tokio::select! {
                Some(request) = requests.join_next() => match request {
                    Ok(request) => request,
                    Err(_) => continue,
                },
                accepted = self.accept(), if requests.len() < MAX_CONNECTIONS => {
                    match accepted {
                        Ok(stream) => drop(requests.spawn(read_request(stream))),
                        Err(error) => {
                            tracing::debug!(%error, "a browser's connection was not accepted");
                            sleep(RETRY).await;
                        }
                    }
                    continue;
                }
            };
            let outcome = target.as_deref().map(outcome);
            answer(stream, outcome.as_ref()).await;
            if let Some(Some(outcome)) = outcome {
                return outcome;
            }
        }
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        let other = async {
            match &self.second {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        let accepted = tokio::select! {
            accepted = self.first.accept() => accepted,
            accepted = other => accepted,
        };
        accepted.map(|(stream, _)| stream)
    }
}

async fn listeners(
    host: CallbackHost,
    port: u16,
) -> io::Result<(TcpListener, Option<TcpListener>)> {
    match host {
        CallbackHost::Ipv4 => Ok((TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?, None)),
        CallbackHost::Ipv6 => Ok((TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await?, None)),
        CallbackHost::Localhost => {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let port = first.local_addr()?.port();
            // If a machine has no IPv6, its browser does not use it either.
            let second = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
                Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
                second => second.ok(),
            };
            Ok((first, second))
        }
    }
}

/// Opens the configured port. Another sign-in may be using it: there is one for each server.
async fn wait_for(config: &CallbackConfig) -> io::Result<(TcpListener, Option<TcpListener>)> {
    let (until, mut told) = (Instant::now() + PATIENCE, false);
    loop {
        match listeners(config.host, config.port).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < until => {
                if !told {
                    console_error!(
                        "port {} (--callbackPort) is in use; waiting for it",
                        config.port
                    );
                    told = true;
                }
                sleep(RETRY).await;
            }
            bound => return bound,
        }
    }
}

async fn read_request(mut stream: TcpStream) -> Request {
    let target = timeout(REQUEST_TIMEOUT, read_target(&mut stream)).await.ok().flatten();
    (stream, target)
}

async fn read_target(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < MAX_REQUEST {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8(request).ok()?;
    let mut words = text.split(' ');
    words.next().filter(|verb| *verb == "GET")?;
    words.next().map(str::to_owned)
}

/// Answers a request with the result; it does not matter whether the browser shows it.
async fn answer(mut stream: TcpStream, outcome: Option<&Option<Result<String, String>>>) {
    let (status, text) = match outcome {
        None => ("408 Request Timeout", "No request came.".to_owned()),
        Some(None) => ("404 Not Found", "There is nothing here.".to_owned()),
        Some(Some(Ok(_))) => ("200 OK", "You are signed in; this page can be closed.".to_owned()),
        Some(Some(Err(problem))) => ("400 Bad Request", format!("Not signed in: {problem}")),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    drop(timeout(REQUEST_TIMEOUT, stream.write_all(answer.as_bytes())).await);
}

/// The part of an address that a browser sends to the host.
fn target(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) => format!("{}?{}", url.path(), url.query().unwrap_or_default()),
        Err(_) => address.to_owned(),
    }
}

/// Reads lines until one is the address at which the browser ended.
async fn read_pasted(
    outcome: &impl Fn(&str) -> Option<Result<String, String>>,
) -> Result<String, String> {
    let mut lines = BufReader::new(tokio::io::stdin().take(1024 * 1024)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line = line.trim();
        match outcome(&target(line)) {
            Some(outcome) => return outcome,
            None if line.is_empty() => {}
            None => console_error!("that is not the address of the last page of this sign-in"),
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn config(host: CallbackHost, port: u16) -> CallbackConfig {
        CallbackConfig { host, port, ..CallbackConfig::default() }
    }

    async fn get(port: u16, target: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn code(target: &str) -> Option<Result<String, String>> {
        (target == "/callback?right").then(|| Ok("code".to_owned()))
    }

    #[tokio::test]
    async fn silent_connections_are_answered_and_hold_up_nobody() {
        let callback = Callback::open(&config(CallbackHost::Localhost, 0), None).await.unwrap();
        let port = callback.first.local_addr().unwrap().port();
        assert_eq!(callback.redirect, format!("http://localhost:{port}/callback"));
        let waiting = tokio::spawn(async move { callback.answered(code, false).await });
        let began = Instant::now();
        let mut silent = Vec::new();
        for _ in 0..MAX_CONNECTIONS - 1 {
            silent.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        }
        assert!(get(port, "/favicon.ico").await.starts_with("HTTP/1.1 404"));
        let soon = began.elapsed();
        let mut answer = String::new();
        silent.remove(0).read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408") && soon < began.elapsed(), "{answer}");
        assert!(get(port, "/callback?right").await.starts_with("HTTP/1.1 200"));
        assert_eq!(waiting.await.unwrap(), Ok("code".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_in_use_is_waited_for() {
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = other.local_addr().unwrap().port();
        let fixed = config(CallbackHost::Ipv4, port);
        let opening = tokio::spawn(async move { Callback::open(&fixed, None).await });
        sleep(RETRY * 3).await;
        assert!(!opening.is_finished());
        drop(other);
        let callback = opening.await.unwrap().unwrap();
        assert_eq!(callback.first.local_addr().unwrap().port(), port);
        // A port that is only preferred is not waited for.
        let any = Callback::open(&config(CallbackHost::Ipv4, 0), Some(port)).await.unwrap();
        assert_ne!(any.first.local_addr().unwrap().port(), port);
    }
}
