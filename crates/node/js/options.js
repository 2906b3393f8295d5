"use strict";
// Options as given: each is read exactly once, by name, whether the object has it itself, inherits it or computes it.
// So the checked value is the one that is used.

const each = (...names) => Object.fromEntries(names.map((name) => [name, true]));

/** An object all of whose members are options. */
const MAP = Symbol("map");
/** Plain data, nested to any depth. */
const DATA = Symbol("data");
/** An object that is used as such, not as data. */
const OBJECT = Symbol("object");

const CHALLENGE = each("error", "error_description", "error_uri", "realm", "scope");
const OAUTH = { ...CHALLENGE, protectedResource: each("resource") };
const AUTHENTICATION = { apiKey: true, oauth: OAUTH };

const AUTH = {
  ...each("audience", "concurrency", "forwardIdentity", "introspect", "issuer", "jwks", "preset", "publicUrl", "rate"),
  ...each("mirror", "scopes", "tokens"),
  claims: DATA,
  tools: DATA,
};

const UPSTREAM = {
  ...each("args", "childIdleTimeout", "command", "connectionTimeout", "cwd", "guard", "inheritEnv", "isolation"),
  ...each("listenEarly", "maxChildren", "maxLineSize", "maxRequestTime", "maxRestarts", "pingInterval", "pingTimeout"),
  ...each("prewarm", "requestTimeout", "restart", "restartWait", "retryInterval", "shell", "upstreamProtocol"),
  env: MAP,
};

const RECORD = each("file", "maxFiles", "maxSize", "redact");

const HTTP_SERVER = {
  ...AUTHENTICATION,
  ...each("allowedHosts", "authenticate", "createServer", "enableJsonResponse", "eventStoreMaxEvents", "guard"),
  ...each("gracefulShutdownTimeout", "host", "keepAliveTimeout", "maxBodySize", "maxBuffered", "messagesEndpoint"),
  ...each("modern", "normalizeCharset", "onClose", "onConnect", "onListenSubscriptions", "onUnhandledRequest"),
  ...each("peerAddress", "peerHost", "peerPort", "peerSecret", "peers", "port"),
  ...each("sessionIdleTimeout", "sseEndpoint", "sslCa", "sslCert", "sslClientCa", "sslKey", "stateless"),
  ...each("streamEndpoint", "trustProxy", "writeTimeout"),
  auth: AUTH,
  cors: each("allowedHeaders", "credentials", "exposedHeaders", "maxAge", "methods", "origin"),
  config: OBJECT,
  eventStore: OBJECT,
  record: RECORD,
  store: each("ca", "durability", "prefix", "url"),
  tunnel: each("host", "subdomain"),
  upstream: UPSTREAM,
};

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Wraps a value that was read, so that no part of it is read again. */
const kept = (given, value, part) => {
  if (typeof value === "function") return value.bind(given);
  if (!isObject(value)) return value;
  if (part === MAP) return { ...value };
  if (part === DATA) return JSON.parse(JSON.stringify(value));
  return typeof part === "object" ? taken(value, part) : value;
};

/** The given values of `known`; a function is bound to its object. */
const taken = (given, known) => {
  if (!isObject(given)) return given;
  const options = {};
  for (const [name, part] of Object.entries(known)) {
    const value = given[name];
    if (value !== undefined) options[name] = kept(given, value, part);
  }
  return options;
};

const numberInWords = (value) => {
  if (Number.isFinite(value)) return value;
  return { $: value > 0 ? "Infinity" : "NaN" };
};

/** The values as JSON, in the form that options/given.rs reads. */
const inWords = (value, part) => {
  if (value === null || value === undefined) return value;
  if (typeof value === "number") return numberInWords(value);
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value !== "object") return { $: typeof value };
  if (Array.isArray(value)) return value.map((item) => inWords(item) ?? null);
  return objectInWords(value, part);
};

const objectInWords = (value, part) => {
  if (part === DATA) return value;
  if (typeof part !== "object" && part !== MAP) return { $: "object" };
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, member]) => [name, inWords(member, part[name])]));
};

/** Options with `config` as the text of a file, if it is an object. */
const configured = (options) =>
  isObject(options?.config) ? { ...options, config: { text: JSON.stringify(options.config) } } : options;

/** The same options as text; whoever reads files checks the content of `config`. */
const IN_WORDS = { ...HTTP_SERVER, config: each("text") };

module.exports = { AUTH, AUTHENTICATION, HTTP_SERVER, IN_WORDS, OAUTH, configured, inWords, taken, UPSTREAM };
