// Our declarations and those of mcp-proxy 6.4.0 stand in for each other.
import type * as Original from "mcp-proxy-original-v1";
import type * as Ours from "mcp-proxy";

/** Compiles only if `From` can be assigned to `To`. */
type Assignable<To, From extends To> = From;
/** Compiles only if each can be assigned to the other. */
type Both<A, B extends A> = Assignable<B, A>;
/** A class without its private members, which no other declaration can have. */
type Public<T> = Pick<T, keyof T>;
type Options<F extends (options: never) => unknown> = Parameters<F>[0];

export type Types = [
  Both<Original.AuthConfig, Ours.AuthConfig>,
  Both<Original.CorsOptions, Ours.CorsOptions>,
  Both<keyof typeof Original.ServerType, keyof typeof Ours.ServerType>,
  Both<Public<Original.AuthenticationMiddleware>, Public<Ours.AuthenticationMiddleware>>,
  Both<Public<Original.InMemoryEventStore>, Public<Ours.InMemoryEventStore>>,
  Both<
    ConstructorParameters<typeof Original.InMemoryEventStore>,
    ConstructorParameters<typeof Ours.InMemoryEventStore>
  >,
  Both<
    ConstructorParameters<typeof Original.AuthenticationMiddleware>,
    ConstructorParameters<typeof Ours.AuthenticationMiddleware>
  >,
];

/** Every export of the original, types and values, is one of ours. */
export type Names = [
  Assignable<keyof typeof Ours, keyof typeof Original>,
  // Our functions can be used as the original's.
  Assignable<typeof Original.startHTTPServer, typeof Ours.startHTTPServer>,
  Assignable<typeof Original.startStdioServer, typeof Ours.startStdioServer>,
  Assignable<typeof Original.proxyServer, typeof Ours.proxyServer>,
  Assignable<typeof Original.tapTransport, typeof Ours.tapTransport>,
];

/** The original's functions take our options, but for what we add to them. */
type Added = "allowedHosts" | "modern" | "normalizeCharset" | "tunnel" | "upstream";
export type OptionTypes = [
  Assignable<Omit<Options<typeof Original.startHTTPServer>, Added>, Omit<Options<typeof Ours.startHTTPServer>, Added>>,
  Assignable<keyof Options<typeof Ours.startHTTPServer>, keyof Options<typeof Original.startHTTPServer>>,
  Assignable<keyof Options<typeof Ours.startStdioServer>, keyof Options<typeof Original.startStdioServer>>,
];
