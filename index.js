"use strict";
// The public entry. index.d.ts is its contract. Names are listed one by one, so that `import` finds them too.
require("./crates/node/js/bundled.js");
const { AuthenticationMiddleware } = require("./crates/node/js/authentication.js");
const { DEFAULT_ALLOWED_HEADERS, ServerType, resolveVersionNegotiation } = require("./crates/node/js/vocabulary.js");
const { InMemoryEventStore } = require("./crates/node/js/event_store.js");
const { acquireListenSubscriptions, getUpstreamBridge } = require("./crates/node/js/upstream_bridge.js");
const { proxyServer } = require("./crates/node/js/proxy_server.js");
const { replayTransport } = require("./crates/node/js/replay_transport.js");
const { startHTTPServer } = require("./crates/node/js/start_http_server.js");
const { startStdioServer } = require("./crates/node/js/stdio_server.js");
const { tapTransport } = require("./crates/node/js/tap_transport.js");

module.exports = {
  AuthenticationMiddleware,
  DEFAULT_ALLOWED_HEADERS,
  InMemoryEventStore,
  ServerType,
  acquireListenSubscriptions,
  getUpstreamBridge,
  proxyServer,
  replayTransport,
  resolveVersionNegotiation,
  startHTTPServer,
  startStdioServer,
  tapTransport,
};
