"use strict";
// The transport for `server.connect`: works with both SDKs, over one client of the listener.
const { report } = require("./promises.js");
const { StoredStreams } = require("./stored_streams.js");

const UNSENT = ["", "No connection established for request ID: ", "The transport is closed", "Not a JSON-RPC message"];

const rawId = (id) => (id === undefined || id === null ? undefined : JSON.stringify(id));

class HTTPServerTransport {
  /** What came with the last message besides it. */
  extra;
  onclose;
  onerror;
  onmessage;
  sessionId;
  /** Stores the messages, if they are stored in JavaScript. */
  store;
  #closed = false;
  #id;
  #native;
  #resumable;
  #start;

  /** Settled once the server takes messages. */
  started = new Promise((resolve) => {
    this.#start = resolve;
  });

  constructor(native, id, { resumable, sessionId, store }) {
    this.#id = id;
    this.#native = native;
    this.#resumable = resumable;
    this.sessionId = sessionId;
    this.store = store && new StoredStreams(store, sessionId, (error) => this.#tell(error));
  }

  async start() {
    if (!this.#start) throw new Error("Transport already started");
    this.#start();
    this.#start = undefined;
  }

  async send(message, options) {
    const related = options?.relatedRequestId;
    const text = JSON.stringify(message) ?? "";
    const send = (eventId) => this.#native.send(this.#id, text, rawId(related), eventId);
    const stream = () => this.#native.streamOf(this.#id, rawId(message.method ? related : message.id) ?? "null");
    const status = await (this.store ? this.store.add({ message, send, size: text.length, stream: stream() }) : send());
    if (status) throw new Error(UNSENT[status] + (status === 1 ? (related ?? message.id) : ""));
  }

  async close() {
    this.#native.hangUp(this.#id);
    this.ended();
  }

  /** Servers report this to their client's transport; here the front has seen it itself. */
  setProtocolVersion() {}

  setSupportedProtocolVersions(versions) {
    this.#native.takesVersions(this.#id, versions);
  }

  /** The client has disconnected, or the server has closed the transport. */
  ended() {
    if (this.#closed) return;
    this.#closed = true;
    this.store?.end();
    this.#report(() => this.onclose?.());
  }

  /** A message from the client, which came in the request `head`. */
  deliver(text, head) {
    this.#report(() => {
      const message = JSON.parse(text);
      this.extra = this.#extra(message, head);
      this.onmessage?.(message, this.extra);
    });
  }

  #extra(message, head) {
    const interrupt = (id) => () => this.#native.interrupt(this.#id, rawId(id));
    return {
      // Rarely used, and expensive to create.
      get request() {
        return head.webRequest;
      },
      get requestInfo() {
        return { headers: head.message.headers, url: head.url };
      },
      authInfo: head.auth,
      ...(this.#resumable && { closeSSEStream: interrupt(message.id), closeStandaloneSSEStream: interrupt() }),
    };
  }

  #report(work) {
    try {
      work();
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error) {
    try {
      if (this.onerror) this.onerror(error);
      else report("in a transport")(error);
    } catch (second) {
      report("in onerror")(second);
    }
  }
}

module.exports = { HTTPServerTransport };
