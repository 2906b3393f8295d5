//! The server that sentinels name as the primary. They are asked again if the connection to it is
//! lost, or if it stops being the primary.

use std::{
    fmt,
    sync::{Arc, PoisonError},
};

use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult,
    TlsCertificates, TlsMode, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::{sync::Semaphore, time::timeout};

use super::away::{PATIENCE, is_away};
use crate::runtime::lock::Mutex;

/// See the module.
#[derive(Clone)]
pub(in crate::cluster::store) struct Primary(Arc<Inner>);

struct Inner {
    sentinels: Vec<ConnectionInfo>,
    service: String,
    tls: Option<TlsCertificates>,
    /// The connection to the sentinels.
    turn: Semaphore,
    now: Mutex<Option<MultiplexedConnection>>,
}

impl fmt::Debug for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Primary").field("service", &self.0.service).finish_non_exhaustive()
    }
}

impl Primary {
    pub(super) fn new(
        sentinels: Vec<ConnectionInfo>,
        service: String,
        tls: Option<TlsCertificates>,
    ) -> RedisResult<Self> {
        let (turn, now) = (Semaphore::new(1), Mutex::default());
        let inner = Inner { sentinels, service, tls, turn, now };
        inner.client()?;
        Ok(Self(Arc::new(inner)))
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let inner = &self.0;
        if let Some(connection) = inner.now() {
            return Ok(connection);
        }
        let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        timeout(PATIENCE, inner.connect()).await.map_err(late)?
    }

    /// Sends a command; a connection that has failed is not used again.
    async fn send<T>(
        &self,
        sending: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut connection = self.connection().await?;
        let outcome = timeout(PATIENCE, sending(&mut connection)).await;
        let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        let outcome = outcome.map_err(late).flatten();
        if outcome.as_ref().err().is_some_and(is_away) {
            self.0.lock().take();
        }
        outcome
    }
}

impl Inner {
    fn lock(&self) -> crate::runtime::lock::MutexGuard<'_, Option<MultiplexedConnection>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Option<MultiplexedConnection> {
        self.lock().clone()
    }

    fn client(&self) -> RedisResult<SentinelClient> {
        let addresses = self.sentinels.iter().map(|sentinel| sentinel.addr().clone());
        let kind = SentinelServerType::Master;
        let mut builder = SentinelClientBuilder::new(addresses, &self.service, kind)?;
        let Some(first) = self.sentinels.first() else {
            return Err((ErrorKind::EmptySentinelList, "there is no sentinel").into());
        };
        let settings = first.redis_settings();
        builder = builder.set_client_to_redis_db(settings.db());
        if let Some(user) = settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if matches!(first.addr(), ConnectionAddr::TcpTls { .. }) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            builder = builder.set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(tls) = &self.tls {
            builder = builder.set_client_to_redis_certificates(tls.clone());
            builder = builder.set_client_to_sentinel_certificates(tls.clone());
        }
        builder.build()
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let _turn = self.turn.acquire().await;
        if let Some(connection) = self.now() {
            return Ok(connection);
        }
        let connection = self.client()?.get_async_connection().await?;
        *self.lock() = Some(connection.clone());
        Ok(connection)
    }
}

impl ConnectionLike for Primary {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(self.send(async |connection| connection.req_packed_command(command).await))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(self.send(async move |connection| {
            connection.req_packed_commands(pipeline, offset, count).await
        }))
    }

    fn get_db(&self) -> i64 {
        0
    }
}
