//! The examination of a URL.

mod certificate;
mod endpoint;
mod net;
mod probe;
mod signing;

use std::{sync::Arc, time::Duration};

use reqwest::Url;
use serde_json::Value;

use super::{
    budget::Budget,
    codes::{BAD_SETTING, BAD_URL, NO_ANSWER},
    lists::Asked,
    progress::Stages,
    report::{Outcome, Stage},
};
use crate::{
    config::{RemoteConfig, Upstream},
    proxy::{Conversation, Unanswered},
    runtime::environment::turns_proxies_off,
    upstream::stored_token,
};
use endpoint::{Endpoint, Met};
use probe::Probe;

/// How long a silent stream is watched, by default.
const WATCHED: Duration = Duration::from_secs(10);

/// Examines a URL.
pub(super) async fn examine(config: &RemoteConfig, budget: Budget, stages: &mut Stages) {
    let (mut stage, began) = stages.begin("resolve");
    let url = Url::parse(&config.url).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        stage.fail(BAD_URL, "it is not the URL of an HTTP server");
        stages.end((stage, began));
        return;
    };
    let by_proxy = goes_through_proxy(config);
    let addresses = if by_proxy {
        stage.says("a proxy is on the way, which looks the host up");
        Vec::new()
    } else {
        net::resolve(&url, &mut stage).await
    };
    if !stages.end((stage, began)) {
        return;
    }
    if !by_proxy && !reach(config, &url, &addresses, stages).await {
        return;
    }
    let config = &with_sign_in(config, stages).await;
    let (mut stage, began) = stages.begin("endpoint");
    let probe = match Probe::new(config) {
        Ok(probe) => probe,
        Err(error) => {
            stage.fail(BAD_SETTING, error.to_string());
            stages.end((stage, began));
            return;
        }
    };
    let mut endpoint = Endpoint { probe, url };
    let met = endpoint.meet(config, &mut stage).await;
    if !stages.end((stage, began)) {
        return;
    }
    use_it(config, &endpoint, met, budget, stages).await;
}

/// The same with the stored sign-in, if there is one. An examination never opens a sign-in.
async fn with_sign_in(config: &RemoteConfig, stages: &mut Stages) -> RemoteConfig {
    let Some(token) = stored_token(config).await else { return config.clone() };
    let (mut stage, began) = stages.begin("sign-in");
    stage.says("the one that is kept is used");
    stages.end((stage, began));
    RemoteConfig { bearer_token: Some(token), oauth: None, ..config.clone() }
}

/// Checks the port and the certificate; returns whether the examination goes on.
async fn reach(
    config: &RemoteConfig,
    url: &Url,
    addresses: &[std::net::SocketAddr],
    stages: &mut Stages,
) -> bool {
    let (mut stage, began) = stages.begin("connect");
    let stream = net::connect(addresses, &mut stage).await;
    if !stages.end((stage, began)) {
        return false;
    }
    let Some(stream) = stream.filter(|_| url.scheme() == "https") else { return true };
    let (mut stage, began) = stages.begin("tls");
    net::handshake(config, url, stream, &mut stage).await;
    stages.end((stage, began))
}

/// Checks streams, browsers, lists and calls of an endpoint that answers.
async fn use_it(
    config: &RemoteConfig,
    endpoint: &Endpoint,
    met: Met,
    budget: Budget,
    stages: &mut Stages,
) {
    // The silent stream is watched while everything else goes on.
    let hold = if super::budget::is_raised(config.connection_timeout) {
        config.connection_timeout / 2
    } else {
        WATCHED
    };
    let watched = Arc::new(endpoint.clone());
    let watch = (met == Met::Session).then(|| {
        crate::runtime::task::spawn(async move {
            let mut stage = Stage::new("stream");
            watched.watch(hold, &mut stage).await;
            stage
        })
    });
    let (mut stage, began) = stages.begin("browsers");
    endpoint.browsers(&mut stage).await;
    stages.end((stage, began));
    converse(config, budget, stages).await;
    if met != Met::Sse {
        let (mut stage, began) = stages.begin("eras");
        endpoint.eras(config, met, &mut stage).await;
        stages.end((stage, began));
    }
    if let Some(watch) = watch {
        let (_, began) = stages.begin("stream");
        if let Ok(stage) = watch.await {
            stages.end((stage, began));
        }
    }
    endpoint.leave().await;
}

/// Lists and calls, through the proxy's own client.
async fn converse(config: &RemoteConfig, budget: Budget, stages: &mut Stages) {
    let (mut stage, began) = stages.begin("lists");
    // An examination never opens a sign-in.
    let quiet = RemoteConfig { oauth: None, ..config.clone() };
    let open = Conversation::open(Upstream::from(quiet), None, Box::new(|_, _| {}));
    let patience = budget.at_most(Duration::from_secs(20));
    let mut peer = match tokio::time::timeout(patience, open).await {
        Ok(Ok(peer)) => peer,
        Ok(Err(unanswered)) => {
            let text = match unanswered {
                Unanswered::Unreached(text) | Unanswered::Unauthorized(text) => text,
                error @ Unanswered::Error { .. } => error.to_string(),
            };
            stage.fail(NO_ANSWER, text);
            stages.end((stage, began));
            return;
        }
        Err(_) => {
            stage.fail(NO_ANSWER, format!("nothing came in {} s", patience.as_secs()));
            stages.end((stage, began));
            return;
        }
    };
    let capabilities: Value = peer.introduction()["capabilities"].clone();
    let mut asked = Asked { peer: &mut peer, budget, meta: None };
    let uri = asked.lists(&capabilities, &mut stage).await;
    stages.end((stage, began));
    let (mut stage, began) = stages.begin("calls");
    let mut asked = Asked { peer: &mut peer, budget, meta: None };
    asked.calls(uri.as_deref(), true, &mut stage).await;
    if stage.outcome == Outcome::Failed {
        stage.outcome = Outcome::Done;
    }
    stages.end((stage, began));
    peer.close().await;
}

/// Whether requests go through an HTTP or SOCKS proxy.
fn goes_through_proxy(config: &RemoteConfig) -> bool {
    if config.proxy.is_some() {
        return true;
    }
    let scheme = if config.url.starts_with("https:") { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let is_set = |name: &str| {
        let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
        set(name) || set(&name.to_ascii_lowercase())
    };
    let is_excepted = is_set("NO_PROXY");
    !turns_proxies_off() && !is_excepted && (is_set(scheme) || is_set("ALL_PROXY"))
}
