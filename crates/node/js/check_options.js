"use strict";
// The options of `startHTTPServer`: checked before anything is opened, then as the addon takes them.

const strings = (value) => Array.isArray(value) && value.every((item) => typeof item === "string");
const type = (name) => [(value) => typeof value === name, `a ${name}`];
const or = (...kinds) => [
  (value) => kinds.some(([matches]) => matches(value)),
  kinds.map(([, what]) => what).join(" or "),
];
const count = [(value) => typeof value === "number" && value >= 1, "a number of at least 1"];
const port = [(value) => Number.isInteger(value) && value >= 0 && value < 65536, "an integer from 0 to 65535"];
const off = [(value) => value === false, "false"];
const object = [(value) => typeof value === "object" && !Array.isArray(value), "an object"];
const list = [strings, "an array of strings"];
const record = [(value) => object[0](value) && strings(Object.values(value)), "an object whose values are strings"];
const [bool, func, number, string] = ["boolean", "function", "number", "string"].map(type);

const OPTIONS = {
  allowedHosts: list,
  apiKey: string,
  authenticate: func,
  cors: or(bool, object),
  createServer: func,
  enableJsonResponse: bool,
  eventStore: or(off, object),
  eventStoreMaxEvents: count,
  host: string,
  keepAliveTimeout: number,
  maxBodySize: or(off, number),
  modern: or(bool, [(value) => value === "strict", '"strict"']),
  normalizeCharset: bool,
  oauth: object,
  onClose: func,
  onConnect: func,
  onListenSubscriptions: func,
  onUnhandledRequest: func,
  port,
  sessionIdleTimeout: number,
  sseEndpoint: string,
  sslCa: string,
  sslCert: string,
  sslKey: string,
  stateless: bool,
  streamEndpoint: string,
  tunnel: or(bool, object),
  upstream: object,
};
const CORS = {
  allowedHeaders: or(string, list),
  credentials: bool,
  exposedHeaders: list,
  maxAge: number,
  methods: list,
  origin: or(string, list, func),
};
const OAUTH = {
  error: string,
  error_description: string,
  error_uri: string,
  protectedResource: object,
  realm: string,
  scope: string,
};
const TUNNEL = { host: string, subdomain: string };
const UPSTREAM = {
  args: list,
  command: string,
  connectionTimeout: number,
  cwd: string,
  env: record,
  requestTimeout: number,
  shell: bool,
  upstreamProtocol: [(value) => ["auto", "legacy", "modern"].includes(value), '"auto", "legacy" or "modern"'],
};

const NESTED = { cors: CORS, oauth: OAUTH, tunnel: TUNNEL, upstream: UPSTREAM };

const describe = (value) => (typeof value === "string" ? JSON.stringify(value) : String(value));

const demand = (value, name, [matches, what]) => {
  if (matches(value)) return;
  throw new TypeError(`startHTTPServer: option "${name}" must be ${what}, not ${describe(value)}`);
};

const check = (values, kinds, prefix = "") => {
  for (const [name, kind] of Object.entries(kinds)) {
    const value = values[name];
    if (value !== undefined && value !== null) demand(value, prefix + name, kind);
  }
};

const checkAll = (options) => {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("startHTTPServer: its argument must be an object of options");
  }
  check(options, OPTIONS);
  for (const [name, kinds] of Object.entries(NESTED)) {
    if (typeof options[name] === "object" && options[name]) check(options[name], kinds, `${name}.`);
  }
  if (options.upstream) demand(options.upstream.command, "upstream.command", string);
  demand(options.port, "port", port);
  if (Boolean(options.createServer) === Boolean(options.upstream)) {
    throw new TypeError('startHTTPServer: one of the options "createServer" and "upstream" must be given');
  }
};

const corsFor = (cors) => {
  if (typeof cors !== "object" || cors === null) return undefined;
  const { allowedHeaders, origin, ...rest } = cors;
  return {
    ...rest,
    allowedHeaders: typeof allowedHeaders === "string" ? [allowedHeaders] : allowedHeaders,
    askOrigin: typeof origin === "function",
    ...(typeof origin === "string" && { origin }),
    ...(Array.isArray(origin) && { origins: origin }),
  };
};

const oauthFor = (oauth) => oauth && { ...oauth, resource: oauth.protectedResource?.resource || undefined };

/** What is switched off, whichever value says so. */
const switchedOff = (options) =>
  [
    ["cors", options.cors === false],
    ["eventStore", options.eventStore === false],
    ["maxBodySize", options.maxBodySize === false || options.maxBodySize === Infinity],
    ["modern", options.modern === false],
    ["sseEndpoint", options.sseEndpoint === null],
    ["streamEndpoint", options.streamEndpoint === null],
  ].flatMap(([name, isOff]) => (isOff ? [name] : []));

const finite = (value, otherwise) => (Number.isFinite(value) ? value : value && otherwise);

/** Checks `options`; returns the JSON that the addon takes. */
const nativeOptions = (options) => {
  checkAll(options);
  const { authenticate, eventStoreMaxEvents, maxBodySize, onUnhandledRequest, sessionIdleTimeout } = options;
  const idle = sessionIdleTimeout ?? undefined;
  const plain = {
    ...options,
    authenticate: Boolean(authenticate),
    cors: corsFor(options.cors),
    eventStoreMaxEvents: finite(eventStoreMaxEvents, Number.MAX_SAFE_INTEGER),
    maxBodySize: typeof maxBodySize === "number" ? finite(maxBodySize) : undefined,
    oauth: oauthFor(options.oauth),
    off: switchedOff(options),
    route: Boolean(onUnhandledRequest),
    store: typeof options.eventStore === "object" && options.eventStore !== null,
    tunnel: options.tunnel === true ? {} : options.tunnel || undefined,
    sessionIdleTimeout: idle === undefined || Number.isFinite(idle) ? idle : 0,
  };
  const dropped = new Set(["createServer", "eventStore", "modern", "onClose", "onConnect", "onListenSubscriptions"]);
  return JSON.stringify(plain, (key, value) => (dropped.has(key) || value === null ? undefined : value));
};

module.exports = { nativeOptions };
