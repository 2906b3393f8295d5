//! An rmcp server over Streamable HTTP, of both eras.

use std::{convert::Infallible, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject,
        ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, RequestParamsMeta as _,
        ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::net::TcpListener;

use crate::rust_sdk::LONG;

struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = |name| Tool::new(name, "", Arc::new(JsonObject::default()));
        Ok(ListToolsResult::with_all_items(vec![tool("echo"), tool(LONG)]))
    }

    /// Reports what it received, or takes steps and reports each.
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.clone().unwrap_or_default();
        let token = request.progress_token().or_else(|| context.meta.get_progress_token());
        if let (Some(steps), Some(token)) = (arguments.get("steps"), token) {
            let steps = u32::try_from(steps.as_u64().unwrap()).unwrap();
            for step in 1..=steps {
                let progress = ProgressNotificationParam::new(token.clone(), step.into());
                context.peer.notify_progress(progress).await.unwrap();
            }
        }
        let said = arguments.get("message").and_then(|text| text.as_str()).unwrap_or_default();
        let echo = vec![ContentBlock::text(format!("Echo: {said}"))];
        Ok(CallToolResponse::Complete(CallToolResult::success(echo)))
    }
}

/// Serves on a free port until the test ends; its URL.
pub(crate) async fn serve() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = StreamableHttpService::new(
        || Ok(Echo),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = service.clone();
            let answer = service_fn(move |request| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(service.handle(request).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
        }
    });
    format!("http://127.0.0.1:{port}/mcp")
}
