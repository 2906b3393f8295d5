"use strict";
// Custom routes: real `IncomingMessage` and `ServerResponse` objects, made by an `http.Server` that never listens, from
// bytes that the addon carries.
const { createServer } = require("node:http");

const { report } = require("./promises.js");
const { PeerSocket, respelled } = require("./request.js");

/** One request's connection. */
class RouteSocket extends PeerSocket {
  #key;
  #native;
  #written;

  constructor(native, key, head, question) {
    super(head);
    this.spelled = head.rawHeaders;
    this.#key = key;
    this.#native = native;
    this.question = question;
    // The client may disconnect at any time; the program can listen on the request or the response.
    this.on("error", () => {});
  }

  _read() {
    this.#native.routeWant(this.#key);
  }

  _write(chunk, encoding, callback) {
    this.#written = callback;
    if (!this.#native.routeWrite(this.#key, chunk)) this.destroy();
  }

  _final(callback) {
    this.#native.routeEnd(this.#key);
    callback();
  }

  _destroy(error, callback) {
    this.#native.routeEnd(this.#key);
    callback(error);
  }

  /** There is room for the next piece. */
  drained() {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }
}

class CustomRoutes {
  #native;
  #server;
  #sockets = new Map();

  constructor(native, onUnhandledRequest) {
    this.#native = native;
    const options = { headersTimeout: 0, keepAliveTimeout: 0, requestTimeout: 0, requireHostHeader: false };
    this.#server = createServer(options, (request, response) => {
      this.#run(onUnhandledRequest, request, response);
    });
  }

  serve(question, key, head) {
    const socket = new RouteSocket(this.#native, key, head, question);
    this.#sockets.set(key, socket);
    this.#server.emit("connection", socket);
  }

  bytes(key, bytes) {
    this.#sockets.get(key)?.push(bytes);
  }

  drained(key) {
    this.#sockets.get(key)?.drained();
  }

  /** The request has ended, or its client has disconnected. */
  release(key) {
    this.#sockets.get(key)?.destroy();
    this.#sockets.delete(key);
  }

  async #run(onUnhandledRequest, request, response) {
    const { question, spelled } = request.socket;
    request.rawHeaders = respelled(request.rawHeaders, spelled);
    // A response that has begun is sent although the callback is still running.
    let answer;
    try {
      await onUnhandledRequest(request, response);
      answer = response.headersSent || response.writableEnded || response.destroyed ? undefined : "untouched";
    } catch (error) {
      report("handling custom route")(error);
      answer = response.headersSent ? undefined : "failed";
      if (response.headersSent) response.end();
    }
    this.#native.answer(question, answer);
  }
}

module.exports = { CustomRoutes };
