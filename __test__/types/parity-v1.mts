// Our declarations and those of mcp-proxy 6.4.0 stand in for each other.
import type * as Original from "mcp-proxy-original-v1";
import type * as Ours from "mcp-proxy";

import type { All, Assignable, Both, Public } from "./assignable.mjs";

export type Types = All<
  [
    Both<Original.AuthConfig, Ours.AuthConfig>,
    Both<Original.CorsOptions, Ours.CorsOptions>,
    Assignable<Ours.SSEServer, Awaited<ReturnType<typeof Original.startHTTPServer>>>,
    Both<keyof typeof Original.ServerType, keyof typeof Ours.ServerType>,
    Both<Public<Original.AuthenticationMiddleware>, Public<Ours.AuthenticationMiddleware>>,
    Assignable<Public<Ours.InMemoryEventStore>, Public<Original.InMemoryEventStore>>,
  ]
>;

/** Every value the original exports is exported, and ours can be used in its place. */
export type Values = All<
  [
    Assignable<keyof typeof Original, keyof typeof Ours>,
    Assignable<typeof Ours.proxyServer, typeof Original.proxyServer>,
    Assignable<typeof Ours.startHTTPServer, typeof Original.startHTTPServer>,
    Assignable<typeof Ours.startStdioServer, typeof Original.startStdioServer>,
    Assignable<typeof Ours.tapTransport, typeof Original.tapTransport>,
  ]
>;
