"use strict";
// `startStdioServer`: a remote MCP server on this process's stdin and stdout. Its messages need neither JavaScript nor
// an SDK, unless the caller provides objects of one.
const { isMainThread } = require("node:worker_threads");

const addon = require("./addon.js");
const { inOptions } = require("./in_options.js");
const { startSdkStdioServer } = require("./sdk_stdio_server.js");
const { ServerType } = require("./vocabulary.js");

/** The kinds of events, by their numbers. */
const KINDS = addon.eventKinds();

/** Whether only these are set. */
const hasOnly = (object, ...names) =>
  Object.entries(object ?? {}).every(([name, value]) => value === undefined || names.includes(name));

const isNative = ({ initStdioServer, initStreamClient, transportOptions }) =>
  !initStdioServer &&
  !initStreamClient &&
  hasOnly(transportOptions, "requestInit") &&
  hasOnly(transportOptions?.requestInit, "headers");

/** What the addon starts. */
const wanted = ({ record, serverType, transportOptions, upstreamProtocol, url }) => ({
  headers: Object.fromEntries(new Headers(transportOptions?.requestInit?.headers)),
  record,
  sse: serverType === ServerType.SSE,
  upstreamProtocol,
  url: new URL(url).href,
});

/** The server on stdin and stdout, with the members of the SDK's interface that control its life. */
class StdioServer {
  #ended;
  #native;
  onclose;
  onerror;

  async start(options) {
    let closed;
    this.#ended = new Promise((resolve) => {
      closed = resolve;
    });
    await new Promise((resolve, reject) => {
      const heard = {
        closed: (text) => {
          this.#close(text);
          closed();
        },
        failed: (text) => reject(failure(text)),
        listening: resolve,
      };
      const hear = (kind, _id, _server, _stream, _caller, text) => heard[KINDS[kind]](text);
      this.#native = addon.startStdioServer(JSON.stringify(wanted(options)), hear, !isMainThread);
    });
    return this;
  }

  /** Resolves when everything has ended; may be called repeatedly. */
  async close() {
    this.#native.close();
    await this.#ended;
  }

  #close(text) {
    if (text) {
      console.error(`[mcp-proxy] ${text}`);
      this.onerror?.(new Error(text));
    }
    this.onclose?.();
  }
}

/** The error of an unreachable server, in the form of `fetch`. */
const failure = (text) => {
  const { message, reached, status } = JSON.parse(text);
  const error = new Error(inOptions(message));
  return reached ? Object.assign(error, status && { code: status }) : new TypeError("fetch failed", { cause: error });
};

const startStdioServer = async (options) => {
  if (isNative(options)) return new StdioServer().start(options);
  if (options.record !== undefined) {
    const text = 'option "record" cannot be used with hooks, nor with transport options beyond requestInit.headers';
    throw new TypeError(`startStdioServer: ${text}`);
  }
  return startSdkStdioServer(options);
};

module.exports = { startStdioServer };
