//! TCP connections to the tunnel server's pool port, through the usual proxy if there is one.
//!
//! Every way ends in a plain socket from which no byte of the tunnel was read yet.

use std::{
    error::Error as StdError,
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Uri, uri::Authority};
use hyper_util::{
    client::{
        legacy::connect::{
            HttpConnector,
            proxy::{SocksV5, Tunnel as Connect},
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tower::{Service as _, ServiceExt as _};
use tracing::debug;

use super::{
    config::{Config, Proxy},
    error::chain,
};
use crate::runtime::environment::turns_proxies_off;

/// Silence after which the system starts asking whether the far end still lives.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// Longest time that sent bytes may stay unacknowledged. Keep-alive does not run during that time,
/// and the system's own limit is a quarter of an hour. Tunnel servers give up as early.
#[cfg(target_os = "linux")]
const UNCONFIRMED: Duration = Duration::from_mins(1);

type BoxError = Box<dyn StdError + Send + Sync>;

/// Opens pool connections.
pub(super) struct Dialer {
    connector: HttpConnector,
    proxies: Option<Matcher>,
    scheme: String,
    limit: Duration,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

impl Dialer {
    /// A dialer for the pool of a server whose registration uses `scheme`: the same variable
    /// (`HTTPS_PROXY` or `HTTP_PROXY`) applies to both.
    pub(super) fn new(config: &Config, scheme: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(target_os = "linux")]
        connector.set_tcp_user_timeout(Some(UNCONFIRMED));
        let proxies = match &config.proxy {
            Proxy::Environment if turns_proxies_off() => None,
            Proxy::Environment => Some(Matcher::from_env()),
            Proxy::Direct => None,
            Proxy::Url(url) => Some(Matcher::builder().all(url.as_str()).build()),
        };
        let limit = config.limits.connect_timeout;
        Self { connector, proxies, scheme: scheme.to_owned(), limit }
    }

    /// Connects to `target`: through the proxy, or else directly. The original connects directly,
    /// and many proxies refuse ports other than 443.
    pub(super) async fn connect(&self, target: &Authority) -> Result<TcpStream, String> {
        let uri = Uri::builder()
            .scheme(self.scheme.as_str())
            .authority(target.clone())
            .path_and_query("/")
            .build()
            .map_err(|error| error.to_string())?;
        let proxy = self.proxies.as_ref().and_then(|proxies| proxies.intercept(&uri));
        let Some(proxy) = proxy else { return self.limited(self.direct(uri)).await };
        let refusal = match self.limited(self.through(&proxy, uri.clone())).await {
            Ok(stream) => return Ok(stream),
            Err(refusal) => refusal,
        };
        debug!("no pool connection through {}: {refusal}; connecting directly", proxy.uri());
        self.limited(self.direct(uri))
            .await
            .map_err(|error| format!("{error} (through {}: {refusal})", proxy.uri()))
    }

    async fn limited(
        &self,
        connecting: impl Future<Output = Result<TcpStream, BoxError>>,
    ) -> Result<TcpStream, String> {
        match timeout(self.limit, connecting).await {
            Ok(connected) => connected.map_err(|error| chain(error.as_ref())),
            Err(_elapsed) => Err("timed out".to_owned()),
        }
    }

    async fn direct(&self, uri: Uri) -> Result<TcpStream, BoxError> {
        Ok(self.connector.clone().call(uri).await?.into_inner())
    }

    async fn through(&self, proxy: &Intercept, target: Uri) -> Result<TcpStream, BoxError> {
        let bytewise = self.connector.clone();
        let bytewise = bytewise.map_response(|stream| TokioIo::new(Bytewise(stream.into_inner())));
        let stream = match proxy.uri().scheme_str() {
            Some("http") => {
                let mut connect = Connect::new(proxy.uri().clone(), bytewise);
                if let Some(credentials) = proxy.basic_auth() {
                    connect = connect.with_auth(credentials.clone());
                }
                connect.call(target).await?
            }
            Some("socks5" | "socks5h") => {
                let mut socks = SocksV5::new(proxy.uri().clone(), bytewise);
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                socks.call(target).await?
            }
            _ => return Err("this kind of proxy does not carry pool connections".into()),
        };
        Ok(stream.into_inner().0)
    }
}

/// Reads one byte at a time. The proxy handshakes drop everything that follows the proxy's answer
/// in the same read, and the tunnel server may send a request as soon as it is connected.
#[derive(Debug)]
struct Bytewise(TcpStream);

impl AsyncRead for Bytewise {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.0).poll_read(context, &mut one))?;
        buffer.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bytewise {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
