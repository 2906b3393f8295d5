// Our declarations and those of mcp-proxy 6.7.19 stand in for each other.
import type * as Original from "mcp-proxy-original";
import type * as Ours from "mcp-proxy";

import type { All, Assignable, Both, Options, Public } from "./assignable.mjs";

export type Types = All<
  [
    Both<Original.AuthConfig, Ours.AuthConfig>,
    Both<Original.CorsOptions, Ours.CorsOptions>,
    Both<Original.EventStoreOption, Ours.EventStoreOption>,
    Both<Original.InMemoryEventStoreOptions, Ours.InMemoryEventStoreOptions>,
    Both<Original.ListenSubscriptionsHandler, Ours.ListenSubscriptionsHandler>,
    Both<Original.MaxBodySizeOption, Ours.MaxBodySizeOption>,
    Both<Original.SSEServer, Ours.SSEServer>,
    Both<Original.UpstreamBridge, Ours.UpstreamBridge>,
    Both<Original.UpstreamLease, Ours.UpstreamLease>,
    Both<Original.UpstreamNotificationSink, Ours.UpstreamNotificationSink>,
    Both<Original.UpstreamProtocol, Ours.UpstreamProtocol>,
    Both<keyof typeof Original.ServerType, keyof typeof Ours.ServerType>,
    Both<Public<Original.AuthenticationMiddleware>, Public<Ours.AuthenticationMiddleware>>,
    Both<Public<Original.InMemoryEventStore>, Public<Ours.InMemoryEventStore>>,
    Both<
      ConstructorParameters<typeof Original.AuthenticationMiddleware>,
      ConstructorParameters<typeof Ours.AuthenticationMiddleware>
    >,
    Both<
      ConstructorParameters<typeof Original.InMemoryEventStore>,
      ConstructorParameters<typeof Ours.InMemoryEventStore>
    >,
  ]
>;

/** Every value the original exports is exported, and ours can be used in its place. */
export type Values = All<
  [
    Assignable<keyof typeof Original, keyof typeof Ours>,
    Assignable<typeof Ours.acquireListenSubscriptions, typeof Original.acquireListenSubscriptions>,
    Assignable<typeof Ours.DEFAULT_ALLOWED_HEADERS, typeof Original.DEFAULT_ALLOWED_HEADERS>,
    Assignable<typeof Ours.getUpstreamBridge, typeof Original.getUpstreamBridge>,
    Assignable<typeof Ours.proxyServer, typeof Original.proxyServer>,
    Assignable<typeof Ours.resolveVersionNegotiation, typeof Original.resolveVersionNegotiation>,
    Assignable<typeof Ours.startHTTPServer, typeof Original.startHTTPServer>,
    Assignable<typeof Ours.startStdioServer, typeof Original.startStdioServer>,
    Assignable<typeof Ours.tapTransport, typeof Original.tapTransport>,
  ]
>;

/** The original's functions take our options, but for what we add to them. */
type Added =
  | "allowedHosts"
  | "auth"
  | "config"
  | "gracefulShutdownTimeout"
  | "maxBuffered"
  | "messagesEndpoint"
  | "modern"
  | "normalizeCharset"
  | "peerAddress"
  | "peerHost"
  | "peerPort"
  | "peerSecret"
  | "peers"
  | "record"
  | "sslClientCa"
  | "store"
  | "trustProxy"
  | "tunnel"
  | "upstream"
  | "writeTimeout";
type HTTPOptions = Options<typeof Original.startHTTPServer>;
export type Taken = All<
  [
    Assignable<Omit<Options<typeof Ours.startHTTPServer>, Added>, Omit<HTTPOptions, Added>>,
    Both<keyof Options<typeof Ours.startHTTPServer>, keyof HTTPOptions | Added>,
    Both<keyof Options<typeof Ours.startStdioServer>, keyof Options<typeof Original.startStdioServer> | "record">,
  ]
>;
