/**
 * The public contract of `mcp-proxy`.
 *
 * It needs no MCP SDK: what the package takes from one and gives to one is described by shape, so that
 * objects of `@modelcontextprotocol/sdk` (v1) and of `@modelcontextprotocol/client` and `/server` (v2) fit.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

// ---------------------------------------------------------------- JSON-RPC and the SDK's shapes

export type RequestId = number | string;

/** The `_meta` member of a message. */
export interface Meta {
  [key: string]: unknown;
  progressToken?: RequestId | undefined;
  "io.modelcontextprotocol/related-task"?: { taskId: string } | undefined;
}

/** The `_meta` member of a result. */
export interface ResultMeta extends Meta {
  "io.modelcontextprotocol/serverInfo"?: ServerInfo | undefined;
}

/** Name and version of a server, and how to show it. */
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

export interface JSONRPCRequest {
  id: RequestId;
  jsonrpc: "2.0";
  method: string;
  params?: { [key: string]: unknown; _meta?: Meta | undefined } | undefined;
}

export interface JSONRPCNotification {
  jsonrpc: "2.0";
  method: string;
  params?: { [key: string]: unknown; _meta?: Meta | undefined } | undefined;
}

export interface JSONRPCResultResponse {
  id: RequestId;
  jsonrpc: "2.0";
  result: { [key: string]: unknown; _meta?: ResultMeta | undefined };
}

export interface JSONRPCErrorResponse {
  error: { code: number; data?: unknown; message: string };
  id?: RequestId | undefined;
  jsonrpc: "2.0";
}

export type JSONRPCMessage = JSONRPCErrorResponse | JSONRPCNotification | JSONRPCRequest | JSONRPCResultResponse;

/** Who a request is authorized as, as the SDKs hand it to their handlers. */
export interface AuthInfo {
  clientId: string;
  expiresAt?: number;
  extra?: Record<string, unknown>;
  resource?: URL;
  scopes: string[];
  token: string;
}

/** What comes with a message besides the message. */
export interface MessageExtraInfo {
  authInfo?: AuthInfo;
  /** Ends the response stream of this request; its client comes back for the rest. */
  closeSSEStream?: () => void;
  closeStandaloneSSEStream?: () => void;
  /** The HTTP request, for servers of the v2 SDK. */
  request?: Request;
  /** The headers of the HTTP request, for servers of the v1 SDK. */
  requestInfo?: { headers: Record<string, string | string[] | undefined>; url?: URL };
}

export interface TransportSendOptions {
  onRequestStreamEnd?: (() => void) | undefined;
  onresumptiontoken?: ((token: string) => void) | undefined;
  /** The request that this message belongs to; decides on which stream it travels. */
  relatedRequestId?: RequestId | undefined;
  requestSignal?: AbortSignal | undefined;
  resumptionToken?: string | undefined;
}

/** A transport of either SDK. */
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
 * A store of the events of resumable streams. Sessions may share it: a stream's id says whose it is. An event
 * that only gives a stream an id to resume from is stored as `{}`.
 */
export interface EventStore {
  getStreamIdForEventId?(eventId: string): Promise<string | undefined>;
  /** Sends what follows an event on its stream; resolves to the stream's id. */
  replayEventsAfter(
    lastEventId: string,
    target: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string>;
  /** Resolves to the id of the stored event. */
  storeEvent(streamId: string, message: JSONRPCMessage): Promise<string>;
}

/** What a server says it can do. */
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

/** Anything that can be connected to a transport and closed, as a `Server` or `McpServer` of either SDK. */
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

/** `false` turns resumability off; left out, every session has a bounded store of its own. */
export type EventStoreOption = EventStore | false;

/** Largest request body in bytes; `false` lifts the limit. */
export type MaxBodySizeOption = false | number;

export interface CorsOptions {
  /** Replaces {@link DEFAULT_ALLOWED_HEADERS}. */
  allowedHeaders?: string | string[];
  credentials?: boolean;
  exposedHeaders?: string[];
  /** Seconds. */
  maxAge?: number;
  methods?: string[];
  origin?: ((origin: string) => boolean) | string | string[];
}

/**
 * Called with the resource URIs that a 2026-07-28 `subscriptions/listen` asks about, before the stream
 * opens; the function it resolves to runs when the stream ends.
 */
export type ListenSubscriptionsHandler = (uris: string[]) => Promise<() => void>;

export interface TunnelOptions {
  /** Address of the tunnel server, for those who run their own. */
  host?: string;
  /** The subdomain to ask for; another one is given if it is taken. */
  subdomain?: string;
}

/** Where replicas keep what it takes to go on with each other's sessions. */
export interface StoreOptions {
  /** PEM file of authorities to trust in place of the system's. */
  ca?: string;
  /**
   * `"sync"`: a call goes to its server, and a session to its client, once the store has it. Default: `"async"`,
   * nothing waits for the store.
   */
  durability?: "async" | "sync";
  /** How the names of all keys begin. Default: `"mcp-proxy"`. */
  prefix?: string;
  /** `redis://`, `rediss://`, `redis+unix://`, `redis+sentinel://` or `redis+cluster://`, with user and password. */
  url: string;
}

/** A stdio server for {@link startHTTPServer} to start and to serve. */
export interface UpstreamOptions {
  args?: string[];
  /**
   * Milliseconds after which a server that is not shared is stopped although its session goes on; the session's
   * next request starts another. 0, the default, keeps it as long as the session.
   */
  childIdleTimeout?: number;
  command: string;
  /** Milliseconds the server has to answer the handshake. Default: 60000. */
  connectionTimeout?: number;
  cwd?: string;
  /** Variables on top of the inherited ones. */
  env?: Record<string, string>;
  /** Hand the environment of this process down. Default: true. */
  inheritEnv?: boolean;
  /**
   * Which clients share a server: all of them, none but the requests of a session, or none but one request
   * (with `stateless`). Default: `"shared"`.
   */
  isolation?: "identity" | "request" | "session" | "shared";
  /** Listen before the server is ready; clients get 503 until it is. Default: false. */
  listenEarly?: boolean;
  /** Servers at a time where they are not shared; further clients get 503. Default: 128. */
  maxChildren?: number;
  /** Bytes of the longest message accepted from the server. Default: 20971520 (20 MiB). */
  maxLineSize?: number;
  /** Milliseconds a call may take whatever its progress; 0, the default, sets no limit. */
  maxRequestTime?: number;
  /** Restarts in a row after which the server is given up; 0 never gives up. Default: 10. */
  maxRestarts?: number;
  /** Milliseconds between pings, of which one without an answer restarts the server; 0, the default, sends none. */
  pingInterval?: number;
  /** Milliseconds the server has to answer a ping. Default: 10000. */
  pingTimeout?: number;
  /** Servers started ahead of the clients that will have them, where they are not shared. Default: 0. */
  prewarm?: number;
  /** Milliseconds a call may go without an answer or progress; 0 sets no limit. Default: 300000. */
  requestTimeout?: number;
  /** After which ends of the server it is started again; `"on-failure"` is any but exit code 0, and the default. */
  restart?: "always" | "never" | "on-failure";
  /** Milliseconds a call waits for a server that is being restarted. Default: 10000. */
  restartWait?: number;
  /** Milliseconds between further attempts to start the server after those; 0 makes no more. Default: 60000. */
  retryInterval?: number;
  /** Run the command line, joined with spaces, by the system's shell. Default: false. */
  shell?: boolean;
  /** Default: `"legacy"`. */
  upstreamProtocol?: UpstreamProtocol;
}

/** One server, in the words of the clients whose files {@link ServersConfig} is like. */
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

/** What a file of `--config` holds; in strings, `${NAME}` is a variable of the environment. */
export interface ServersConfig {
  [member: string]: unknown;
  /** Settings of the proxy: the flags of the command line by their names, and `groups`. */
  "mcp-proxy"?: Record<string, unknown>;
  mcpServers: Record<string, ServerEntry>;
}

/** Options of {@link startHTTPServer}, whatever is served. */
export interface HTTPServerOptions {
  /** `Host` names trusted over loopback besides the loopback ones; `["*"]` trusts all. */
  allowedHosts?: string[];
  /** Value that requests must carry in `X-API-Key`. */
  apiKey?: string;
  /** Access tokens that let clients in, beside `apiKey`. */
  auth?: AuthOptions;
  /**
   * Called before each request is served. What it sets on the request is seen by `createServer`; what it
   * throws refuses the request, a thrown `Response` with that response.
   */
  authenticate?: (request: IncomingMessage) => Promise<unknown>;
  /** Default: true. */
  cors?: boolean | CorsOptions;
  /**
   * Answer calls with `application/json` instead of an event stream; what the server says meanwhile goes to the
   * stream of GET. Default: false.
   */
  enableJsonResponse?: boolean;
  eventStore?: EventStoreOption;
  /** Events kept per session where `eventStore` is left out. Default: 1000. */
  eventStoreMaxEvents?: number;
  /**
   * Milliseconds that `close()` lets running requests go on; with `upstream` all of closing takes no longer,
   * the end of the server included. Default: 1000, with `upstream` 5000.
   */
  gracefulShutdownTimeout?: number;
  /** Default: `"::"`, every interface. */
  host?: string;
  /** Milliseconds after which an idle keep-alive connection is closed. Default: 300000. */
  keepAliveTimeout?: number;
  /** Default: 10485760 (10 MiB). */
  maxBodySize?: MaxBodySizeOption;
  /**
   * Bytes that may wait for all clients together; beyond it those who are farthest behind are cut off, and
   * `false` lifts the limit. Default: 1073741824 (1 GiB).
   */
  maxBuffered?: false | number;
  /**
   * Where clients of HTTP+SSE are told to post: a path, or one relative to that of their stream. Default:
   * `"/messages"` if `sseEndpoint` is `"/sse"`, else the path of the stream.
   */
  messagesEndpoint?: string;
  /**
   * Serve revision 2026-07-28 on the stream endpoint, beside the older ones. Its requests are translated for
   * servers that do not know it; `"strict"` refuses them where `createServer` made such a server. Default: true.
   */
  modern?: "strict" | boolean;
  /** Add `charset=utf-8` to textual content types that `onUnhandledRequest` sends without one. Default: true. */
  normalizeCharset?: boolean;
  /** Parameters of the `WWW-Authenticate` challenge. */
  oauth?: AuthConfig["oauth"];
  onListenSubscriptions?: ListenSubscriptionsHandler;
  /** Called first for every path that is not an MCP endpoint; may answer it or leave it. */
  onUnhandledRequest?: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** `host:port` where the other replicas reach this one, if that is not what they see of it. */
  peerAddress?: string;
  /** Address of the port for the other replicas. Default: that of `host`. */
  peerHost?: string;
  /** Port where the other replicas bring requests; 0 lets the system choose. Default: 8079. */
  peerPort?: number;
  /** `host:port` of the other replicas, so that any of them serves any session; see `docs/clusters.md`. */
  peers?: string | string[];
  /**
   * Secret that all replicas share, of at least 16 bytes; required with `peers`, `peerPort` and `store`. Of several
   * the first one signs, and all of them verify.
   */
  peerSecret?: string | string[];
  /** 0 lets the system choose; see {@link HTTPServer.port}. */
  port: number;
  /** Milliseconds after which a session without streams and requests is closed; 0 keeps it. Default: 1800000. */
  sessionIdleTimeout?: number;
  /** Default: `"/sse"`; `null` turns it off. */
  sseEndpoint?: null | string;
  /** PEM file of authorities to send with the certificate. */
  sslCa?: null | string;
  /** PEM file of the certificate; with `sslKey` the server speaks HTTPS. */
  /** Authorities of client certificates; with them every client needs one. */
  sslClientCa?: string;
  sslCert?: null | string;
  /** PEM file of the private key. */
  sslKey?: null | string;
  /** Serve every POST on its own, without sessions. Default: false. */
  stateless?: boolean;
  /**
   * Redis or Valkey where sessions are kept, so that another replica goes on with those of one that is lost. Servers
   * of `createServer` are made anew for that.
   */
  store?: string | StoreOptions;
  /** Default: `"/mcp"`; `null` turns it off. */
  streamEndpoint?: null | string;
  /**
   * Networks of reverse proxies in front (`"10.0.0.0/8"`, `"loopback"`, `"private"`), whose `X-Forwarded-*`
   * headers count. Default: none.
   */
  trustProxy?: string[];
  /** Open a public URL to this server; see {@link HTTPServer.tunnel}. Default: false. */
  tunnel?: boolean | TunnelOptions;
  /** Milliseconds that a client may take nothing of an answer that waits for it; 0 sets no limit. Default: 300000. */
  writeTimeout?: number;
}

/** What {@link startHTTPServer} needs to serve objects of JavaScript. */
export interface HTTPServerHooks<T extends ServerLike> {
  /**
   * Makes the server of a session, or of a request where there are no sessions (`stateless`, and
   * revision 2026-07-28). What it throws refuses the request, a thrown `Response` with that response. With `store`
   * it also makes the server of a session that another replica had, for the request that came here: the server is
   * sent the `initialize` of its client, its log level and its subscriptions once more.
   */
  createServer: (request: IncomingMessage) => Promise<T>;
  /** Called once for every server that was created, when it is no longer needed. */
  onClose?: (server: T) => Promise<void>;
  /** Called when a created server has been connected. */
  onConnect?: (server: T) => Promise<void>;
  config?: undefined;
  upstream?: undefined;
}

export type SSEServer = {
  /** Stops listening, ends what is open and closes every server. A second call resolves as well. */
  close: () => Promise<void>;
  notify: ServerNotifier;
};

export interface HTTPServer extends SSEServer {
  /** The port listened on. */
  readonly port: number;
  /** Where the tunnel leads to this server, if one was asked for. */
  readonly tunnel?: { readonly url: string };
}

/** Serves a stdio server without JavaScript in between. Resolves when it listens. */
export function startHTTPServer(
  options: HTTPServerOptions & { config?: undefined; createServer?: undefined; upstream: UpstreamOptions },
): Promise<HTTPServer>;
/**
 * Serves many servers: those of a file (its path, or the name of the client that keeps it), or these. Resolves when
 * it listens; the servers start meanwhile. A file is followed. Other options count more than what the file says of
 * the port, which may be left out here.
 */
export function startHTTPServer(
  options: Omit<HTTPServerOptions, "port"> & {
    config: ServersConfig | string;
    createServer?: undefined;
    port?: number;
    upstream?: undefined;
  },
): Promise<HTTPServer>;
/** Serves what `createServer` makes. Resolves when it listens. */
export function startHTTPServer<T extends ServerLike>(
  options: HTTPServerHooks<T> & HTTPServerOptions,
): Promise<HTTPServer>;

// ---------------------------------------------------------------- serving over stdio

export declare enum ServerType {
  HTTPStream = "HTTPStream",
  SSE = "SSE",
}

/**
 * Which revision is spoken to the server behind the proxy: the 2025 handshake (`legacy`), 2026-07-28
 * (`modern`), or the newest that it answers to (`auto`).
 */
export type UpstreamProtocol = "auto" | "legacy" | "modern";

/** The value of the SDK client's `versionNegotiation` that means the same. */
export function resolveVersionNegotiation(
  upstreamProtocol?: UpstreamProtocol,
): { mode: "auto" } | { mode: { pin: string } } | undefined;

/** The options of both of the SDKs' HTTP client transports. */
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
 * Serves a remote server on this process's standard input and output. With hooks, or transport options beyond
 * the headers of `requestInit`, an SDK does it, and the result is its server object, or that of
 * `initStdioServer`. Otherwise nothing needs an SDK: every message crosses as it is, and the result has
 * `close()`, `onclose` and `onerror`.
 */
export function startStdioServer<S = any>(options: {
  initStdioServer?: () => Promise<S>;
  /** The client to use; it chooses the revision by its own options, not by `upstreamProtocol`. */
  initStreamClient?: () => Promise<ClientLike>;
  serverType: ServerType;
  transportOptions?: ClientTransportOptions;
  upstreamProtocol?: UpstreamProtocol;
  url: string;
}): Promise<S>;

// ---------------------------------------------------------------- building blocks

/** Makes `server` answer by asking `client`: what `serverCapabilities` names, and nothing else. */
export function proxyServer(options: {
  client: ClientLike;
  /** Milliseconds a forwarded request may take. */
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

/** Tells `eventHandler` what passes through `transport`, which it changes in place and returns. */
export function tapTransport<T extends Transport>(transport: T, eventHandler: (event: TransportEvent) => void): T;

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

/** Receives the notifications of the server behind the proxy, those that it has a function for. */
export type UpstreamNotificationSink = {
  loggingMessage?: (params: LoggingMessageNotificationParams) => void;
  promptsListChanged?: () => void;
  resourceUpdated?: (params: ResourceUpdatedNotificationParams) => void;
  resourcesListChanged?: () => void;
  toolsListChanged?: () => void;
};

/** One holder's share of the upstream's notifications and resource subscriptions. */
export type UpstreamLease = {
  addResourceSubscription: (uri: string) => Promise<void>;
  /** Whether this lease subscribed to `uri`. */
  owns: (uri: string) => boolean;
  /** Gives up the sink and every subscription. */
  release: () => void;
  removeResourceSubscription: (uri: string) => Promise<void>;
};

/** The notifications of one client, shared by all who ask for them. */
export type UpstreamBridge = {
  close: () => Promise<void>;
  subscribe: (sink: UpstreamNotificationSink) => UpstreamLease;
};

/** The bridge of `client`, one per client; the first call's `requestTimeout` holds. */
export function getUpstreamBridge(options: { client: ClientLike; requestTimeout?: number }): UpstreamBridge;

/** Subscribes to all of `uris` or to none; resolves to the function that gives them up again. */
export function acquireListenSubscriptions(options: {
  client: ClientLike;
  requestTimeout?: number;
  uris: string[];
}): Promise<() => void>;

export interface InMemoryEventStoreOptions {
  /** Events kept over all streams, the oldest of which go first. Default: 1000. */
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

/** An OAuth resource server: whose access tokens let clients in, and what for. */
export interface AuthOptions {
  /** What tokens must be for, in place of the endpoint's URL; any of these. */
  audience?: string | string[];
  /** Claim → values, of which a token has to have one; callers without them see nothing. */
  claims?: Record<string, string[]>;
  /** Calls of one tool that one caller may have under way. */
  concurrency?: number;
  /** Tell the server who calls, in `_meta["io.github.mcp-proxy/identity"]`. Default: false. */
  forwardIdentity?: boolean;
  /** URL at which the issuer is asked about opaque tokens, with the client's id and secret in it. */
  introspect?: string;
  /** Issuers of the tokens, as tokens name them. This or `tokens` is needed. */
  issuer?: string | string[];
  /** URL or file of the only issuer's keys, in place of discovery. */
  jwks?: string;
  /** Serve the issuer's metadata here, too, for clients of 2025-03-26. Default: false. */
  mirror?: boolean;
  /** Where the provider differs from the standards. */
  preset?: "auth0" | "authentik" | "cognito" | "entra" | "google" | "keycloak" | "okta";
  /** The URL at which clients reach this program, without the path of the endpoint. */
  publicUrl?: string;
  /** How often one caller may call one tool: `"60/min"`; `s`, `min`, `h` or `d`. */
  rate?: string;
  /** Scopes that everything needs. */
  scopes?: string[];
  /** File of static tokens and API keys, by their hashes. */
  tokens?: string;
  /** Name or pattern of tools → the scopes that a call needs, or more rules. */
  tools?: Record<string, string[] | ToolRules>;
}

/** What callers of some tools need. */
export interface ToolRules {
  /** Callers without these do not see the tools. */
  claims?: Record<string, string[]>;
  concurrency?: number;
  rate?: string;
  /** Callers without these see the tools, and are told what to ask for. */
  scopes?: string[];
}

export interface AuthConfig {
  apiKey?: string;
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

/** Checks the API key of requests, and makes the answers to those who lack it or a scope. */
export declare class AuthenticationMiddleware {
  constructor(config?: AuthConfig);
  getScopeChallengeResponse(
    requiredScopes: string[],
    errorDescription?: string,
    requestId?: unknown,
  ): { body: string; headers: Record<string, string>; statusCode: number };
  getUnauthorizedResponse(options?: {
    error?: string;
    error_description?: string;
    error_uri?: string;
    scope?: string;
  }): {
    body: string;
    headers: Record<string, string>;
  };
  validateRequest(req: IncomingMessage): boolean;
}

/** `Access-Control-Allow-Headers` where `cors` does not say otherwise. */
export declare const DEFAULT_ALLOWED_HEADERS: string[];

export {};
