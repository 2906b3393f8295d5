/**
 * The public contract of `mcp-proxy`.
 *
 * It needs no MCP SDK: everything that the package takes from an SDK or hands to one is described by its shape. Objects
 * of `@modelcontextprotocol/sdk` (v1) and of `@modelcontextprotocol/client` and `/server` (v2) fit.
 *
 * Times are in milliseconds and sizes in bytes, unless a comment says otherwise. An option of the wrong type is a
 * `TypeError` that names the option, before anything is opened.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

// ---------------------------------------------------------------- JSON-RPC and the SDK's shapes

/** Id of a JSON-RPC request (MCP: never `null`). At most 1024 bytes over HTTP. */
export type RequestId = number | string;

/** The `_meta` member of a message (MCP, "General fields"). */
export interface Meta {
  [key: string]: unknown;
  progressToken?: RequestId | undefined;
  "io.modelcontextprotocol/related-task"?: { taskId: string } | undefined;
}

/** The `_meta` member of a result. */
export interface ResultMeta extends Meta {
  "io.modelcontextprotocol/serverInfo"?: ServerInfo | undefined;
}

/** Name and version of a server, and how to show it (MCP `Implementation`). */
export interface ServerInfo {
  description?: string | undefined;
  icons?:
    | {
        mimeType?: string | undefined;
        sizes?: string[] | undefined;
        src: string;
        theme?: "dark" | "light" | undefined;
      }[]
    | undefined;
  name: string;
  title?: string | undefined;
  version: string;
  websiteUrl?: string | undefined;
}

/** A JSON-RPC 2.0 request: it gets one response with the same `id`. */
export interface JSONRPCRequest {
  id: RequestId;
  jsonrpc: "2.0";
  method: string;
  params?: { [key: string]: unknown; _meta?: Meta | undefined } | undefined;
}

/** A JSON-RPC 2.0 notification: it gets no response. */
export interface JSONRPCNotification {
  jsonrpc: "2.0";
  method: string;
  params?: { [key: string]: unknown; _meta?: Meta | undefined } | undefined;
}

/** The response to a request that succeeded. */
export interface JSONRPCResultResponse {
  id: RequestId;
  jsonrpc: "2.0";
  result: { [key: string]: unknown; _meta?: ResultMeta | undefined };
}

/** The response to a request that failed. `id` is missing if the id of the request cannot be read. */
export interface JSONRPCErrorResponse {
  error: { code: number; data?: unknown; message: string };
  id?: RequestId | undefined;
  jsonrpc: "2.0";
}

/** Any JSON-RPC message. A batch is an array of these; it never reaches an SDK in one piece. */
export type JSONRPCMessage = JSONRPCErrorResponse | JSONRPCNotification | JSONRPCRequest | JSONRPCResultResponse;

/** Who sent a request, as the SDKs hand it to their handlers. */
export interface AuthInfo {
  clientId: string;
  /** Seconds since 1970-01-01 UTC. */
  expiresAt?: number;
  extra?: Record<string, unknown>;
  /** The resource that the token is for (RFC 8707). */
  resource?: URL;
  scopes: string[];
  token: string;
}

/** What a transport hands over along with a message. */
export interface MessageExtraInfo {
  authInfo?: AuthInfo;
  /** Ends the response stream of this request; the client reconnects with `Last-Event-ID` and gets the rest. */
  closeSSEStream?: () => void;
  /** The same for the session's stream of `GET`. */
  closeStandaloneSSEStream?: () => void;
  /** The HTTP request, for servers of the v2 SDK. */
  request?: Request;
  /** The headers of the HTTP request, for servers of the v1 SDK. */
  requestInfo?: { headers: Record<string, string | string[] | undefined>; url?: URL };
}

/** Options of {@link Transport.send}. */
export interface TransportSendOptions {
  onRequestStreamEnd?: (() => void) | undefined;
  onresumptiontoken?: ((token: string) => void) | undefined;
  /** Id of the request that this message belongs to. It is sent on the response stream of that request. */
  relatedRequestId?: RequestId | undefined;
  requestSignal?: AbortSignal | undefined;
  resumptionToken?: string | undefined;
}

/** A transport of either SDK: it carries messages between one client and one server. */
export interface Transport {
  close(): Promise<void>;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: (<T extends JSONRPCMessage>(message: T, extra?: MessageExtraInfo) => void) | undefined;
  send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void>;
  sessionId?: string | undefined;
  setProtocolVersion?: ((version: string) => void) | undefined;
  setSupportedProtocolVersions?: ((versions: string[]) => void) | undefined;
  start(): Promise<void>;
}

/**
 * Keeps the events of streams, so that a client that reconnects gets what it missed (MCP, "Resumability and redelivery").
 * Sessions may share a store: the id of a stream is `<session>.<number>`. An event that only gives a stream an id to
 * resume from is stored as the message `{}`.
 */
export interface EventStore {
  /** Resolves to the stream of an event, or to `undefined` if the event is unknown. */
  getStreamIdForEventId?(eventId: string): Promise<string | undefined>;
  /**
   * Sends the events that follow `lastEventId` on its stream, in order, and resolves to the id of the stream. Rejects if
   * the event is unknown; the client then gets HTTP 400.
   */
  replayEventsAfter(
    lastEventId: string,
    target: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string>;
  /** Stores an event and resolves to its id, which no other event of the store may have. */
  storeEvent(streamId: string, message: JSONRPCMessage): Promise<string>;
}

/** What a server offers (MCP `ServerCapabilities`). */
export interface ServerCapabilities {
  completions?: object | undefined;
  experimental?: Record<string, object> | undefined;
  extensions?: Record<string, object> | undefined;
  logging?: object | undefined;
  prompts?: { listChanged?: boolean | undefined } | undefined;
  resources?: { listChanged?: boolean | undefined; subscribe?: boolean | undefined } | undefined;
  tasks?: object | undefined;
  tools?: { listChanged?: boolean | undefined } | undefined;
}

/** A `Server` or `McpServer` of either SDK, or anything else that can be connected to a transport and closed. */
export interface ServerLike {
  close(): Promise<void>;
  connect(transport: Transport): Promise<void>;
}

/** A `Client` of either SDK. */
export interface ClientLike {
  close(): Promise<void>;
  getInstructions(): string | undefined;
  getServerCapabilities(): ServerCapabilities | undefined;
  getServerVersion(): { name: string; version: string } | undefined;
}

/** Tells the open 2026-07-28 `subscriptions/listen` streams what has changed. */
export interface ServerNotifier {
  promptsChanged(): void;
  resourceUpdated(uri: string): void;
  resourcesChanged(): void;
  toolsChanged(): void;
}

// ---------------------------------------------------------------- serving over HTTP

/** A store for all sessions, or `false` for no resumability. Default: a store in memory for each session. */
export type EventStoreOption = EventStore | false;

/** Largest request body in bytes; further ones get HTTP 413. `false` sets no limit. */
export type MaxBodySizeOption = false | number;

/** Which web pages may use the server (Fetch standard, CORS). */
export interface CorsOptions {
  /** `Access-Control-Allow-Headers`. Default: {@link DEFAULT_ALLOWED_HEADERS}. */
  allowedHeaders?: string | string[];
  /** `Access-Control-Allow-Credentials`. */
  credentials?: boolean;
  /** `Access-Control-Expose-Headers`. */
  exposedHeaders?: string[];
  /** How long browsers may keep the answer to a preflight request, in seconds. */
  maxAge?: number;
  /** `Access-Control-Allow-Methods`. */
  methods?: string[];
  /** Origins that are allowed: one, several, or a function that decides. */
  origin?: ((origin: string) => boolean) | string | string[];
}

/**
 * Called with the URIs of the resources that a `subscriptions/listen` request (2026-07-28) subscribes to, before its
 * stream opens. Resolves to a function that is called when the stream ends. If it rejects, the request fails.
 */
export type ListenSubscriptionsHandler = (uris: string[]) => Promise<() => void>;

/** How to get a public URL. */
export interface TunnelOptions {
  /** URL of the tunnel server. Default: `"https://tunnel.gla.ma"`. */
  host?: string;
  /** Subdomain to ask for; if it is taken, the tunnel server assigns another. Default: the tunnel server chooses. */
  subdomain?: string;
}

/** A store for sessions, so that replicas can continue each other's. */
export interface StoreOptions {
  /** PEM file of authorities to trust in place of the system's. */
  ca?: string;
  /**
   * `"async"`: nothing waits for the store. `"sync"`: a call is sent to its server, and a session to its client, only
   * after the store has it. Default: `"async"`.
   */
  durability?: "async" | "sync";
  /** Prefix of all keys. Default: `"mcp-proxy"`. */
  prefix?: string;
  /** `redis://`, `rediss://`, `redis+unix://`, `redis+sentinel://` or `redis+cluster://`, with user and password. */
  url: string;
}

/** A stdio server for {@link startHTTPServer} to start and to serve. */
export interface UpstreamOptions {
  /** Arguments of the command. Default: none. */
  args?: string[];
  /**
   * Time in ms after which the server of a session is stopped if the session has not used it. The next request of the
   * session starts another. 0 keeps the server as long as the session. Default: 0.
   */
  childIdleTimeout?: number;
  /** Program to run: a path, or a name that is looked up in `PATH`. */
  command: string;
  /** Time in ms that the server has to answer the handshake; then the start fails. Default: 60000. */
  connectionTimeout?: number;
  /** Working directory of the server. Default: that of this process. */
  cwd?: string;
  /** Environment variables for the server, in addition to those it inherits. */
  env?: Record<string, string>;
  /** Pass the environment of this process to the server. Default: true. */
  inheritEnv?: boolean;
  /**
   * Who shares a server: all clients (`"shared"`), the requests of one session (`"session"`), all sessions of one
   * person (`"identity"`, requires `auth`), or nobody (`"request"`, requires `stateless`). Default: `"shared"`.
   */
  isolation?: "identity" | "request" | "session" | "shared";
  /** Listen before the server is ready; clients get 503 until it is. Default: false. */
  listenEarly?: boolean;
  /** Most servers running at a time if they are not shared; further clients get HTTP 503. Default: 128. */
  maxChildren?: number;
  /** Largest message from the server, in bytes; a server that writes a larger one is stopped. Default: 20971520 (20 MiB). */
  maxLineSize?: number;
  /** Time in ms that a call may take, with or without progress; 0 sets no limit. Default: 0. */
  maxRequestTime?: number;
  /** Failed restarts in a row after which restarts end; see `retryInterval`. 0 sets no limit. Default: 10. */
  maxRestarts?: number;
  /** Time in ms between pings. A ping that is not answered restarts the server. 0 sends no pings. Default: 0. */
  pingInterval?: number;
  /** Time in ms that the server has to answer a ping. Default: 10000. */
  pingTimeout?: number;
  /** Servers to start before their clients come, if they are not shared. Default: 0. */
  prewarm?: number;
  /** Time in ms that a call may take without an answer or progress (error -32603); 0 sets no limit. Default: 300000. */
  requestTimeout?: number;
  /** When to restart the server: on any exit but code 0 (`"on-failure"`), always, or never. Default: `"on-failure"`. */
  restart?: "always" | "never" | "on-failure";
  /** Time in ms that a call waits for a server that is being restarted; then the call fails. Default: 10000. */
  restartWait?: number;
  /** Time in ms between attempts to start the server after `maxRestarts`; 0 makes no more. Default: 60000. */
  retryInterval?: number;
  /** Join `command` and `args` with spaces, without quotes, and run them in the system shell. Default: false. */
  shell?: boolean;
  /** Protocol spoken to the server. Default: `"legacy"`. */
  upstreamProtocol?: UpstreamProtocol;
}

/** One server of {@link ServersConfig}: a command with arguments, or a URL. */
export interface ServerEntry {
  [member: string]: unknown;
  args?: string[];
  command?: string;
  cwd?: string;
  disabled?: boolean;
  env?: Record<string, string>;
  headers?: Record<string, string>;
  /** Settings of the proxy for this server; see `docs/config.md`. */
  "mcp-proxy"?: Record<string, unknown>;
  type?: string;
  url?: string;
}

/** The content of a `--config` file; in strings, `${NAME}` is an environment variable. */
export interface ServersConfig {
  [member: string]: unknown;
  /** Settings of the proxy: the flags of the command line by their names, and `groups`. */
  "mcp-proxy"?: Record<string, unknown>;
  mcpServers: Record<string, ServerEntry>;
}

/** A recording of all traffic of this process, without secrets. */
export interface RecordOptions {
  /** The file; an existing recording is kept as `FILE.1`. */
  file: string;
  /** Most parts that are kept. Default: 10. */
  maxFiles?: number;
  /** Size of a part in bytes; then another one begins. Default: 100000000. */
  maxSize?: number;
  /** Names of members, JSON Pointers or dotted paths to hide, in addition to those that are recognised. */
  redact?: string[];
}

/** Options of {@link startHTTPServer}, whatever is served. */
export interface HTTPServerOptions {
  /**
   * Host names that web pages may use to reach the server over loopback (protection against DNS rebinding), in addition
   * to the loopback names; `["*"]` turns the check off. Others get HTTP 403. Default: none.
   */
  allowedHosts?: string[];
  /** Key that requests must carry in `X-API-Key`; others get HTTP 401. It must not be empty. Default: no key. */
  apiKey?: string;
  /** Access tokens that let clients in; with `apiKey`, either is enough. */
  auth?: AuthOptions;
  /**
   * Called before each request to an MCP endpoint, before its body is read. A falsy result, or an object with
   * `authenticated: false`, refuses the request with HTTP 401. A thrown `Response` refuses it with that response. Properties
   * that it sets on the request are seen by `createServer`.
   */
  authenticate?: (request: IncomingMessage) => Promise<unknown>;
  /** Whether web pages of other origins may use the server, and which. Default: true, all of them. */
  cors?: boolean | CorsOptions;
  /**
   * Answer calls with `application/json` instead of an event stream. Messages that the server sends during the call go
   * to the session's stream of `GET`. Default: false.
   */
  enableJsonResponse?: boolean;
  /** Where events are kept for clients that reconnect. */
  eventStore?: EventStoreOption;
  /** Most events kept for a session if there is no `eventStore`; at least 1. Default: 1000. */
  eventStoreMaxEvents?: number;
  /**
   * Time in ms that `close()` gives running requests to finish. With `upstream` it limits the whole shutdown, the end of
   * the server included. Default: 1000; with `upstream` 5000.
   */
  gracefulShutdownTimeout?: number;
  /** Host name or address to listen on. Default: `"::"`, every interface. */
  host?: string;
  /** Time in ms that a connection stays open for another request; 0 keeps it open. Default: 300000. */
  keepAliveTimeout?: number;
  /** Largest request body in bytes. Default: 10485760 (10 MiB). */
  maxBodySize?: MaxBodySizeOption;
  /**
   * Most bytes that wait for all clients together. Beyond it, the slowest clients are disconnected. `false` sets no
   * limit. Default: 1073741824 (1 GiB).
   */
  maxBuffered?: false | number;
  /**
   * Where clients of HTTP+SSE are told to post: a path, or one relative to the path of their stream (`"messages"`).
   * Default: `"/messages"` if `sseEndpoint` is `"/sse"`, otherwise the path of the stream.
   */
  messagesEndpoint?: string;
  /**
   * Serve MCP revision 2026-07-28 on the stream endpoint, beside the older ones. Requests of that revision are translated
   * for servers that do not know it; with `"strict"` they are refused with HTTP 400 if `createServer` returned such a
   * server. Default: true.
   */
  modern?: "strict" | boolean;
  /** Add `charset=utf-8` to textual content types that `onUnhandledRequest` sends without one. Default: true. */
  normalizeCharset?: boolean;
  /** Parameters of the `WWW-Authenticate` header of HTTP 401 and 403 (RFC 6750, RFC 9728). */
  oauth?: AuthConfig["oauth"];
  onListenSubscriptions?: ListenSubscriptionsHandler;
  /** Called for every request to a path that is not an MCP endpoint. If it does not answer, the client gets HTTP 404. */
  onUnhandledRequest?: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** `host:port` where the other replicas reach this one. Default: the address of its connections to them. */
  peerAddress?: string;
  /** Host name or address to listen on for the other replicas. Default: that of `host`. */
  peerHost?: string;
  /** Port for requests from the other replicas; with 0 the system chooses one. Default: 8079. */
  peerPort?: number;
  /** `host:port` of the other replicas, so that any of them serves any session; see `docs/clusters.md`. */
  peers?: string | string[];
  /**
   * Secret that all replicas share, of at least 16 bytes; required with `peers`, `peerPort` and `store`. If there are
   * several, the first one signs and all of them verify.
   */
  peerSecret?: string | string[];
  /** Port to listen on, 0 to 65535. With 0 the system chooses one; see {@link HTTPServer.port}. */
  port: number;
  /** Record all traffic of this process in a file, until `close()`. Default: no recording. */
  record?: RecordOptions | string;
  /**
   * Time in ms after which a session without streams and requests is closed; 0 keeps it until its client deletes it.
   * Default: 1800000 (30 minutes).
   */
  sessionIdleTimeout?: number;
  /** Path of the HTTP+SSE endpoint (MCP 2024-11-05); `null` turns it off. Default: `"/sse"`. */
  sseEndpoint?: null | string;
  /** PEM file with certificates of authorities to send with `sslCert`. */
  sslCa?: null | string;
  /** PEM file with the certificate chain. With `sslKey`, the server speaks HTTPS only. */
  sslCert?: null | string;
  /** PEM file with authorities. With it, only clients with a certificate of one of them are served. */
  sslClientCa?: string;
  /** PEM file with the private key of `sslCert`, not encrypted. */
  sslKey?: null | string;
  /** Serve every POST on its own, without sessions. Default: false. */
  stateless?: boolean;
  /**
   * URL of a Redis or Valkey that keeps sessions, so that another replica continues them if theirs is lost; with
   * `createServer`, that replica creates another server.
   */
  store?: string | StoreOptions;
  /** Path of the Streamable HTTP endpoint (MCP 2025-03-26 and later); `null` turns it off. Default: `"/mcp"`. */
  streamEndpoint?: null | string;
  /**
   * Networks of the reverse proxies in front (`"10.0.0.0/8"`, `"loopback"`, `"private"`). Their `X-Forwarded-Prefix`,
   * `-Host`, `-Proto` and `-For` headers are trusted, those of others ignored. Default: none.
   */
  trustProxy?: string[];
  /** Open a public URL to this server; see {@link HTTPServer.tunnel}. Default: false. */
  tunnel?: boolean | TunnelOptions;
  /**
   * Time in ms that a client may leave an answer unread; then its connection is closed. 0 sets no limit. Default:
   * 300000, or `keepAliveTimeout` if that is shorter, but at least 10000.
   */
  writeTimeout?: number;
}

/** Callbacks of {@link startHTTPServer} with which a program serves its own servers. */
export interface HTTPServerHooks<T extends ServerLike> {
  /**
   * Makes a server: one for each session, or one for each request without a session (`stateless`, and revision
   * 2026-07-28). If it throws, the request gets HTTP 500; a thrown `Response` is the answer. With `store` it is
   * also called for a session of another replica, with the request that arrived here. The new server then gets the
   * client's `initialize`, log level and subscriptions again.
   */
  createServer: (request: IncomingMessage) => Promise<T>;
  /** Called exactly once for every server that `createServer` returned, when it is no longer needed. */
  onClose?: (server: T) => Promise<void>;
  /** Called after a server has been connected to its transport. */
  onConnect?: (server: T) => Promise<void>;
  config?: undefined;
  upstream?: undefined;
}

/** A running server; named as in `mcp-proxy` 6. */
export type SSEServer = {
  /** Stops listening, waits for running requests (`gracefulShutdownTimeout`) and closes every server. May be called twice. */
  close: () => Promise<void>;
  /** Sends notifications to clients of revision 2026-07-28. */
  notify: ServerNotifier;
};

/** What {@link startHTTPServer} resolves to. */
export interface HTTPServer extends SSEServer {
  /** The port that the server listens on. */
  readonly port: number;
  /** The public URL of the tunnel, if `tunnel` was set. */
  readonly tunnel?: { readonly url: string };
}

/**
 * Serves a stdio server over HTTP; no message passes through JavaScript. Resolves once the port is open. Rejects if an option
 * is wrong, the port cannot be opened, or the server does not start.
 */
export function startHTTPServer(
  options: HTTPServerOptions & { config?: undefined; createServer?: undefined; upstream: UpstreamOptions },
): Promise<HTTPServer>;
/**
 * Serves many servers: those of a file (its path, or the name of a client), or those of an object. Resolves once the port
 * is open; the servers start meanwhile. A file is read again when it changes. Options override the settings in the file;
 * `port` can be left to the file.
 */
export function startHTTPServer(
  options: Omit<HTTPServerOptions, "port"> & {
    config: ServersConfig | string;
    createServer?: undefined;
    port?: number;
    upstream?: undefined;
  },
): Promise<HTTPServer>;
/** Serves the servers that `createServer` returns. Resolves once the port is open. */
export function startHTTPServer<T extends ServerLike>(
  options: HTTPServerHooks<T> & HTTPServerOptions,
): Promise<HTTPServer>;

// ---------------------------------------------------------------- serving over stdio

/** Transport of a remote server, for {@link startStdioServer}: Streamable HTTP, or HTTP+SSE (MCP 2024-11-05). */
export declare enum ServerType {
  HTTPStream = "HTTPStream",
  SSE = "SSE",
}

/**
 * Protocol spoken to the server behind the proxy: `"legacy"` (up to 2025-11-25), `"auto"` (2026-07-28 if the server
 * supports it) or `"modern"` (2026-07-28 only).
 */
export type UpstreamProtocol = "auto" | "legacy" | "modern";

/** Translates an {@link UpstreamProtocol} to the option `versionNegotiation` of the v2 SDK's client. */
export function resolveVersionNegotiation(
  upstreamProtocol?: UpstreamProtocol,
): { mode: "auto" } | { mode: { pin: string } } | undefined;

/** Options of the SDKs' HTTP client transports; each is passed to the SDK unchanged. */
export interface ClientTransportOptions {
  // The providers of the two SDKs have no type in common.
  authProvider?: any;
  eventSourceInit?: any;
  fetch?: (url: string | URL, init?: RequestInit) => Promise<Response>;
  maxStepUpRetries?: number;
  onInsufficientScope?: "reauthorize" | "throw";
  protocolVersion?: string;
  reconnectionOptions?: {
    initialReconnectionDelay: number;
    maxReconnectionDelay: number;
    maxRetries: number;
    reconnectionDelayGrowFactor: number;
  };
  reconnectionScheduler?: any;
  redirectPolicy?: "follow" | "same-origin";
  requestInit?: RequestInit;
  sessionId?: string;
  skipIssuerMetadataValidation?: boolean;
}

/**
 * Serves a remote server on standard input and output of this process. Resolves once the remote server has answered,
 * to an object with `close()`, `onclose` and `onerror`; messages pass unchanged, and no SDK is needed. With hooks, or
 * transport options other than `requestInit.headers`, an SDK is required, and the result is its server object, or that
 * of `initStdioServer`.
 */
export function startStdioServer<S = any>(options: {
  /** Record all traffic; not possible with hooks. */
  record?: RecordOptions | string;
  /** Creates the SDK server that answers on standard input and output. */
  initStdioServer?: () => Promise<S>;
  /** Creates the SDK client to use. Its own options choose the revision, not `upstreamProtocol`. */
  initStreamClient?: () => Promise<ClientLike>;
  /** Transport of the remote server. */
  serverType: ServerType;
  transportOptions?: ClientTransportOptions;
  upstreamProtocol?: UpstreamProtocol;
  /** URL of the remote server, `http:` or `https:`. */
  url: string;
}): Promise<S>;

// ---------------------------------------------------------------- recordings

/** How a recording is played. */
export interface ReplayOptions {
  /**
   * Parameters of requests that may differ from the recording: names, JSON Pointers, dotted paths, `@timestamp`,
   * `@uuid` and `@number`.
   */
  mayDiffer?: string[];
  /** Speed relative to the recording (2 is twice as fast); 0 makes no pauses. Default: 0. */
  speed?: number;
}

/**
 * A recording (made with `record` or `--record`) in place of a server: `client.connect(replayTransport(file))`. A request
 * gets the recorded answer of a call with the same method and parameters. If there is none, it gets an error that shows
 * the most similar call. `start()` fails if the file is not a recording.
 */
export function replayTransport(file: string, options?: ReplayOptions): Transport;

// ---------------------------------------------------------------- building blocks

/**
 * Connects an SDK server to an SDK client: the server answers requests by asking the client. Only what
 * `serverCapabilities` names is offered. Params, results, pages and errors pass as they were sent.
 */
export function proxyServer(options: {
  /** A client that is connected to the server behind. */
  client: ClientLike;
  /** Time in ms that a forwarded request may take without progress. */
  requestTimeout?: number;
  server: ServerLike;
  serverCapabilities: ServerCapabilities;
}): Promise<void>;

/** What passes through a tapped transport. */
export type TransportEvent =
  | { error: Error; type: "onerror" }
  | { message: JSONRPCMessage; type: "onmessage" }
  | { message: JSONRPCMessage; type: "send" }
  | { type: "close" }
  | { type: "onclose" }
  | { type: "start" };

/** Calls `eventHandler` for everything that passes through `transport`. Changes `transport` in place and returns it. */
export function tapTransport<T extends Transport>(transport: T, eventHandler: (event: TransportEvent) => void): T;

/** Severity of a log message (RFC 5424), as in MCP `logging/setLevel`. */
export type LoggingLevel = "alert" | "critical" | "debug" | "emergency" | "error" | "info" | "notice" | "warning";

/** Params of `notifications/message`. */
export interface LoggingMessageNotificationParams {
  _meta?: Meta | undefined;
  data: unknown;
  level: LoggingLevel;
  logger?: string | undefined;
}

/** Params of `notifications/resources/updated`. */
export interface ResourceUpdatedNotificationParams {
  _meta?: Meta | undefined;
  uri: string;
}

/** Functions that are called for notifications of the server behind the proxy; each may be left out. */
export type UpstreamNotificationSink = {
  loggingMessage?: (params: LoggingMessageNotificationParams) => void;
  promptsListChanged?: () => void;
  resourceUpdated?: (params: ResourceUpdatedNotificationParams) => void;
  resourcesListChanged?: () => void;
  toolsListChanged?: () => void;
};

/** What one subscriber of an {@link UpstreamBridge} holds: its notifications and up to 1024 resource subscriptions. */
export type UpstreamLease = {
  /** Subscribes to a resource. Rejects if the server refuses, or the lease holds 1024 already. */
  addResourceSubscription: (uri: string) => Promise<void>;
  /** Whether this lease subscribed to `uri`. */
  owns: (uri: string) => boolean;
  /** Ends the notifications and every subscription of this lease. */
  release: () => void;
  /** Ends a subscription. The server is told when no other lease has it. */
  removeResourceSubscription: (uri: string) => Promise<void>;
};

/** Shares the notifications and subscriptions of one client between several subscribers. */
export type UpstreamBridge = {
  /** Ends every lease. */
  close: () => Promise<void>;
  /** Begins to call the functions of `sink`. */
  subscribe: (sink: UpstreamNotificationSink) => UpstreamLease;
};

/** Returns the bridge of `client`; there is one for each client. `requestTimeout` (ms) is that of the first call. */
export function getUpstreamBridge(options: { client: ClientLike; requestTimeout?: number }): UpstreamBridge;

/** Subscribes to all of `uris`, or rejects and subscribes to none. Resolves to a function that ends the subscriptions. */
export function acquireListenSubscriptions(options: {
  client: ClientLike;
  requestTimeout?: number;
  uris: string[];
}): Promise<() => void>;

export interface InMemoryEventStoreOptions {
  /** Most events kept, of all streams together; the oldest are dropped first. Default: 1000. */
  maxEvents?: number;
}

/** A bounded {@link EventStore} in memory. */
export declare class InMemoryEventStore implements EventStore {
  constructor(options?: InMemoryEventStoreOptions);
  /** Number of events kept. */
  get size(): number;
  getStreamIdForEventId(eventId: string): Promise<string | undefined>;
  replayEventsAfter(
    lastEventId: string,
    target: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string>;
  storeEvent(streamId: string, message: JSONRPCMessage): Promise<string>;
}

/** Which access tokens let clients in, and what each may do; see `docs/authentication.md`. */
export interface AuthOptions {
  /** Audience that tokens must name (`aud`), in place of the endpoint's URL; one of several is enough. */
  audience?: string | string[];
  /** For each claim the values of which a token must have one. Others are refused with HTTP 403. */
  claims?: Record<string, string[]>;
  /** Most calls of one tool that one caller may have under way; further calls get HTTP 429. At least 1. */
  concurrency?: number;
  /** Tell the server who calls, in `_meta["io.github.mcp-proxy/identity"]`. Default: false. */
  forwardIdentity?: boolean;
  /** URL at which the issuer is asked about opaque tokens (RFC 7662): `https://id:secret@host/path`. */
  introspect?: string;
  /** Issuers of the tokens, as tokens name them (`iss`). `issuer`, `tokens` or both are required. */
  issuer?: string | string[];
  /** URL or file of the issuer's keys (JWKS). Requires exactly one `issuer`. Default: the keys that the issuer names. */
  jwks?: string;
  /** Serve the issuer's metadata on this server too, for clients of revision 2025-03-26. Default: false. */
  mirror?: boolean;
  /** Provider whose tokens differ from the standards. Default: none. */
  preset?: "auth0" | "authentik" | "cognito" | "entra" | "google" | "keycloak" | "okta";
  /** URL at which clients reach this program, without the path of the endpoint. Required if it listens on every address. */
  publicUrl?: string;
  /** How often one caller may call one tool, for example `"60/min"`. Units: `s`, `min`, `h`, `d`. Further calls get HTTP 429. */
  rate?: string;
  /** Scopes that every request needs; without them HTTP 403. */
  scopes?: string[];
  /** JSON file that lists static tokens and API keys by their SHA-256 hashes; it is read again when it changes. */
  tokens?: string;
  /** Rules for tools, by name or pattern (`*`, `?`). An array lists the scopes that a call needs. */
  tools?: Record<string, string[] | ToolRules>;
}

/** Who may call the tools of a pattern. */
export interface ToolRules {
  /** Callers without these claims do not see the tools. */
  claims?: Record<string, string[]>;
  /** As in {@link AuthOptions}. */
  concurrency?: number;
  /** As in {@link AuthOptions}. */
  rate?: string;
  /** Callers without these scopes see the tools. Their calls get HTTP 403 with the scopes to ask for. */
  scopes?: string[];
}

/** Options of {@link AuthenticationMiddleware}. */
export interface AuthConfig {
  /** Key that requests must carry in `X-API-Key`. Default: none; every request is valid. */
  apiKey?: string;
  /** Parameters of the `WWW-Authenticate` header (RFC 6750 section 3, RFC 9728). */
  oauth?: {
    error?: string;
    error_description?: string;
    error_uri?: string;
    protectedResource?: {
      resource?: string;
    };
    realm?: string;
    scope?: string;
  };
}

/** Checks the API key of requests, and makes the responses for requests without it or without a scope. */
export declare class AuthenticationMiddleware {
  constructor(config?: AuthConfig);
  /** The response for a token that lacks scopes: status 403, and the scopes in header and body (RFC 6750 section 3.1). */
  getScopeChallengeResponse(
    requiredScopes: string[],
    errorDescription?: string,
    requestId?: unknown,
  ): { body: string; headers: Record<string, string>; statusCode: number };
  /** Headers and body of the response with status 401. */
  getUnauthorizedResponse(options?: {
    error?: string;
    error_description?: string;
    error_uri?: string;
    scope?: string;
  }): {
    body: string;
    headers: Record<string, string>;
  };
  /** Whether the request carries the key, or none is configured. Compares in constant time. */
  validateRequest(req: IncomingMessage): boolean;
}

/** Default of `Access-Control-Allow-Headers`. */
export declare const DEFAULT_ALLOWED_HEADERS: string[];

export {};
