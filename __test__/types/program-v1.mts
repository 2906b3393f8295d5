// A consumer of mcp-proxy 6.4.0 with the v1 SDK; every export of that version.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { StreamableHTTPClientTransportOptions } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { EventStore } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage, ServerCapabilities } from "@modelcontextprotocol/sdk/types.js";
import { EventEmitter } from "node:events";
import {
  type AuthConfig,
  AuthenticationMiddleware,
  type CorsOptions,
  InMemoryEventStore,
  proxyServer,
  ServerType,
  startHTTPServer,
  startStdioServer,
  tapTransport,
} from "mcp-proxy";
import type { IncomingMessage } from "node:http";

const client = new Client({ name: "consumer", version: "1.0.0" }, { capabilities: {} });
const transport = new StdioClientTransport({ args: ["server.js"], command: "node" });
await client.connect(
  tapTransport(transport, (event) => {
    if (event.type === "send") console.log((event.message satisfies JSONRPCMessage).jsonrpc);
  }),
);
const serverCapabilities = client.getServerCapabilities() as ServerCapabilities;
const eventStore: EventStore = new InMemoryEventStore();

/** A session object as FastMCP's. */
class Session extends EventEmitter {
  readonly server = new Server({ name: "session", version: "1" }, { capabilities: serverCapabilities });
  async connect(transport: Transport): Promise<void> {
    if ("type" in transport) return;
    await this.server.connect(transport);
  }
  async close(): Promise<void> {
    await this.server.close();
  }
  updateAuth(auth: unknown): void {
    this.emit("auth", auth);
  }
}

const cors: CorsOptions = { allowedHeaders: "*", methods: ["GET"], origin: ["https://example.com"] };
const http: { close: () => Promise<void> } = await startHTTPServer({
  authenticate: async (request) => ({ id: request.headers["x-user"] }),
  cors,
  createServer: async (request: IncomingMessage) => {
    if (!request.headers.authorization) throw new Response("no", { status: 401 });
    return new Session();
  },
  enableJsonResponse: true,
  eventStore,
  onClose: async (session) => void session.emit("disconnect"),
  onConnect: async (session) => void session.server.getClientVersion(),
  onUnhandledRequest: async (req, res) => void res.writeHead(404).end(req.url),
  port: 8080,
  stateless: true,
});

await startHTTPServer({
  createServer: async () => {
    const server = new Server({ name: "low", version: "1" }, { capabilities: serverCapabilities });
    await proxyServer({ client, server, serverCapabilities });
    return server;
  },
  port: 0,
});
await startHTTPServer({ createServer: async () => new McpServer({ name: "high", version: "1" }), port: 0 });

const transportOptions: StreamableHTTPClientTransportOptions = { requestInit: {} };
const stdio: Server = await startStdioServer({
  initStdioServer: async () => new Server({ name: "stdio", version: "1" }, { capabilities: {} }),
  initStreamClient: async () => new Client({ name: "stdio", version: "1" }),
  serverType: ServerType.HTTPStream,
  transportOptions,
  url: "http://localhost:8080/mcp",
});
const plain: Server = await startStdioServer({ serverType: ServerType.SSE, url: "http://localhost:8080/sse" });
await Promise.all([stdio.close(), plain.close()]);

const config: AuthConfig = { apiKey: "secret" };
const { body, headers } = new AuthenticationMiddleware(config).getUnauthorizedResponse({ scope: "a" });
console.log(body, headers);
await http.close();
