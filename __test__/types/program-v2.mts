// A consumer of mcp-proxy 6.7.19 with the v2 SDK; every export, as the original's README and tests use it.
import { Client, type ClientOptions, type SSEClientTransportOptions } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import {
  type EventStore,
  InMemoryTransport,
  type JSONRPCMessage,
  McpServer,
  Server,
  type ServerCapabilities,
  type ServerNotifier,
  type Transport,
} from "@modelcontextprotocol/server";
import {
  acquireListenSubscriptions,
  type AuthConfig,
  AuthenticationMiddleware,
  type CorsOptions,
  DEFAULT_ALLOWED_HEADERS,
  type EventStoreOption,
  getUpstreamBridge,
  InMemoryEventStore,
  type InMemoryEventStoreOptions,
  type ListenSubscriptionsHandler,
  type MaxBodySizeOption,
  proxyServer,
  resolveVersionNegotiation,
  ServerType,
  type SSEServer,
  startHTTPServer,
  startStdioServer,
  tapTransport,
  type UpstreamBridge,
  type UpstreamLease,
  type UpstreamNotificationSink,
  type UpstreamProtocol,
} from "mcp-proxy";
import type { IncomingMessage, ServerResponse } from "node:http";

const client = new Client(
  { name: "consumer", version: "1.0.0" },
  { versionNegotiation: resolveVersionNegotiation("auto") },
);
await client.connect(new StdioClientTransport({ args: ["server.js"], command: "node" }));
const serverCapabilities = client.getServerCapabilities() as ServerCapabilities;

const cors: CorsOptions = {
  allowedHeaders: [...DEFAULT_ALLOWED_HEADERS, "X-Custom"],
  credentials: true,
  maxAge: 60,
  origin: (origin) => origin.endsWith(".example.com"),
};
const maxBodySize: MaxBodySizeOption = false;
const storeOptions: InMemoryEventStoreOptions = { maxEvents: 10 };
const eventStore: EventStoreOption = new InMemoryEventStore(storeOptions);
const ofTheSdk: EventStore = eventStore;
const listen: ListenSubscriptionsHandler = (uris) => acquireListenSubscriptions({ client, requestTimeout: 1000, uris });

const http: SSEServer = await startHTTPServer({
  apiKey: "secret",
  authenticate: async (request) => {
    const header: string | undefined = request.headers.authorization;
    return header ? { id: header } : undefined;
  },
  cors,
  createServer: async (request: IncomingMessage) => {
    const version = client.getServerVersion() as { name: string; version: string };
    const server = new Server(version, { capabilities: serverCapabilities });
    await proxyServer({ client, requestTimeout: Number(request.headers["x-timeout"]), server, serverCapabilities });
    return server;
  },
  eventStore: ofTheSdk,
  eventStoreMaxEvents: 100,
  keepAliveTimeout: 5000,
  maxBodySize,
  modern: true,
  oauth: { protectedResource: { resource: "https://example.com" } },
  onClose: async (server) => {
    const closed: Server = server;
    await closed.close();
  },
  onConnect: async (server) => void server.getClientCapabilities(),
  onListenSubscriptions: listen,
  onUnhandledRequest: async (req, res) => {
    const [request, response]: [IncomingMessage, ServerResponse] = [req, res];
    response.writeHead(200, { "Content-Type": "text/plain" }).end(request.url);
  },
  port: 8080,
  sessionIdleTimeout: 0,
  sseEndpoint: null,
  sslCert: undefined,
  stateless: false,
  streamEndpoint: "/mcp",
});
const notify: ServerNotifier = http.notify;
notify.resourceUpdated("file:///a");

await startHTTPServer({ createServer: async () => new McpServer({ name: "high", version: "1" }), port: 0 });
await startHTTPServer<Server>({ createServer: async () => new Server({ name: "low", version: "1" }), port: 0 });
await startHTTPServer({
  createServer: async () => ({
    close: async () => {},
    connect: async (transport: Transport) => {
      transport.onmessage = (message, extra) => console.log(message, extra?.authInfo?.token, extra?.request?.url);
      await transport.start();
      await transport.send({ jsonrpc: "2.0", method: "notifications/x" }, { relatedRequestId: 1 });
    },
  }),
  port: 0,
});

// A wrapper in the way of FastMCP: the options' types are taken from the function.
type Options = Parameters<typeof startHTTPServer>[0];
export const wrap = (options: Options): Promise<SSEServer> =>
  startHTTPServer({ ...options, createServer: async (request) => options.createServer(request), host: "localhost" });

const upstreamProtocol: UpstreamProtocol = "modern";
const transportOptions: SSEClientTransportOptions = { requestInit: { headers: { Authorization: "Bearer x" } } };
const stdio: Server = await startStdioServer({
  initStdioServer: async () => new Server({ name: "stdio", version: "1" }, { capabilities: {} }),
  initStreamClient: async () => new Client({ name: "stdio", version: "1" }),
  serverType: ServerType.HTTPStream,
  transportOptions,
  url: "http://localhost:8080/mcp",
});
const plain = await startStdioServer({
  serverType: ServerType.SSE,
  upstreamProtocol,
  url: "http://localhost:8080/sse",
});
export const servers: Server[] = [stdio, plain];

const [one] = InMemoryTransport.createLinkedPair();
const tapped: Transport = tapTransport(one, (event) => {
  if (event.type === "onerror") console.error(event.error.stack);
  else if (event.type === "send" || event.type === "onmessage") {
    const message: JSONRPCMessage = event.message;
    console.log(message);
  }
});
await client.connect(tapped);

const sink: UpstreamNotificationSink = {
  loggingMessage: ({ data, level, logger }) => console.log(level, logger, data),
  resourceUpdated: ({ uri }) => console.log(uri.length),
};
const bridge: UpstreamBridge = getUpstreamBridge({ client });
const lease: UpstreamLease = bridge.subscribe(sink);
await lease.addResourceSubscription("file:///a");
if (lease.owns("file:///a")) lease.release();

const negotiation: ClientOptions["versionNegotiation"] = resolveVersionNegotiation();
const config: AuthConfig = { apiKey: "secret", oauth: { realm: "r" } };
const middleware = new AuthenticationMiddleware(config);
const { body, headers, statusCode } = middleware.getScopeChallengeResponse(["a"], "b", 1);
console.log(
  negotiation,
  body.length,
  headers["WWW-Authenticate"],
  statusCode + 1,
  middleware.getUnauthorizedResponse(),
);

await bridge.close();
await http.close();
