//! A connected rmcp client, with a record of its messages in the order of the wire.

use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, ClientConfig, ClientRequest, Request, ServerResult},
    service::{
        ClientLifecycleMode, ClientServiceExt, PeerRequestOptions, RequestHandle, RunningService,
        RxJsonRpcMessage, TxJsonRpcMessage,
    },
    transport::{StreamableHttpClientTransport, Transport},
};
use serde_json::{Value, json};

use crate::rust_sdk::{journal::Journal, relay::Relay};

pub(crate) struct Client {
    pub(crate) service: RunningService<RoleClient, ClientConfig>,
    pub(crate) received: Journal,
    pub(crate) sent: Journal,
    pub(crate) relay: Relay,
}

impl Client {
    /// A new 2025-era session; messages the server sends on its own can reach it.
    pub(crate) async fn connect(port: u16) -> Self {
        let client = Self::negotiate(port, ClientLifecycleMode::Initialize).await;
        client.relay.streams.first("the open GET stream", |_| true).await;
        client
    }

    pub(crate) async fn negotiate(port: u16, lifecycle: ClientLifecycleMode) -> Self {
        // The first client of the process installs it; later ones find it there.
        drop(rustls::crypto::ring::default_provider().install_default());
        let relay = Relay::to(port).await;
        let transport = Recorded {
            inner: StreamableHttpClientTransport::from_uri(format!(
                "http://127.0.0.1:{}/mcp",
                relay.port
            )),
            received: Journal::new(),
            sent: Journal::new(),
        };
        let (received, sent) = (transport.received.clone(), transport.sent.clone());
        let service =
            ClientConfig::default().serve_with_lifecycle(transport, lifecycle).await.unwrap();
        Self { service, received, sent, relay }
    }

    /// Calls a tool and returns the text of its one text block.
    pub(crate) async fn call(&self, tool: &'static str, arguments: Value) -> String {
        let result = self.begin(tool, arguments).await.await_response().await.unwrap();
        let ServerResult::CallToolResult(result) = result else {
            panic!("not the result of a call: {result:?}")
        };
        assert_ne!(result.is_error, Some(true), "{result:?}");
        result.content[0].as_text().unwrap().text.clone()
    }

    /// Starts a call; the handle cancels it.
    pub(crate) async fn begin(
        &self,
        tool: &'static str,
        arguments: Value,
    ) -> RequestHandle<RoleClient> {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let request = ClientRequest::CallToolRequest(Request::new(params));
        self.service
            .send_cancellable_request(request, PeerRequestOptions::no_options())
            .await
            .unwrap()
    }

    /// Everything received for `token` before its call was answered.
    pub(crate) fn progress(&self, token: &Value) -> Vec<Value> {
        let entries = self.received.entries();
        let events = entries.iter().filter(|message| message["params"]["progressToken"] == *token);
        events.map(|message| message["params"]["progress"].clone()).collect()
    }

    pub(crate) fn updates(&self) -> Vec<Value> {
        let entries = self.received.entries();
        let updates =
            entries.iter().filter(|message| message["method"] == "notifications/resources/updated");
        updates.map(|message| message["params"]["uri"].clone()).collect()
    }
}

struct Recorded<T> {
    inner: T,
    received: Journal,
    sent: Journal,
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Recorded<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.sent.push(json!(item));
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let item = self.inner.receive().await?;
        self.received.push(json!(item));
        Some(item)
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
