"use strict";
// Values of the public API.
const addon = require("./addon.js");

const ServerType = Object.freeze({ HTTPStream: "HTTPStream", SSE: "SSE" });

/** `Access-Control-Allow-Headers` if `cors` has its defaults. */
const DEFAULT_ALLOWED_HEADERS = addon.defaultAllowedHeaders();

/** The revision of MCP without a handshake. */
const MODERN = addon.modernRevision();

/** The value of `versionNegotiation` for the SDK's `Client`, for each way of choosing the revision. */
const resolveVersionNegotiation = (upstreamProtocol) => {
  if (upstreamProtocol === "auto") return { mode: "auto" };
  if (upstreamProtocol === "modern") return { mode: { pin: MODERN } };
  return undefined;
};

module.exports = { DEFAULT_ALLOWED_HEADERS, MODERN, ServerType, resolveVersionNegotiation };
