"use strict";
// The servers that `createServer` made: from the question for one to the end of its client.
const { failure, refusal, unusable } = require("./refusal.js");
const { HTTPServerTransport } = require("./transport.js");

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Runs a callback; what it throws is told and goes no further. */
const attempt = async (what, work) => {
  try {
    await work();
  } catch (error) {
    console.error(`[mcp-proxy] error ${what}`, error);
  }
};

class Sessions {
  #endings = new Set();
  #entries = new Map();
  #native;
  #options;

  constructor(native, options) {
    this.#native = native;
    this.#options = options;
  }

  /** Makes a server and connects it; answers the addon's question once it takes messages. */
  async create(question, id, sessionId, head) {
    const entry = { closed: false };
    this.#entries.set(id, entry);
    try {
      entry.server = await this.#options.createServer(head.message);
    } catch (error) {
      this.#entries.delete(id);
      this.#native.answer(question, await refusal(failure, error));
      return;
    }
    if (entry.closed) return this.#end(entry);
    // The response to a GET begins with the connection, so nothing after it can refuse the request.
    const isStream = head.method === "GET";
    const connecting = this.#connect(id, entry, { isStream, sessionId });
    const failed = unusable(isStream ? "connecting to server" : "handling request");
    const answer = await connecting.catch((error) => refusal(failed, error));
    if (answer) await this.close(id);
    this.#native.answer(question, answer);
  }

  server(id) {
    return this.#entries.get(id)?.server;
  }

  deliver(id, text, head) {
    this.#entries.get(id)?.transport?.deliver(text, head);
  }

  /** The client has gone. Once for each server, whoever says so first. */
  close(id) {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    this.#entries.delete(id);
    entry.closed = true;
    // One that is still being made is ended by its maker.
    return entry.server && this.#end(entry);
  }

  /** Settles when every server that was closed has been told. */
  async settled() {
    await Promise.all(this.#endings);
  }

  /**
   * Resolves as soon as messages can be delivered. A server whose `connect` waits for its client must
   * have them before it is connected; any other has them after `onConnect`.
   */
  async #connect(id, entry, { isStream, sessionId }) {
    const { server } = entry;
    const resumable = this.#options.eventStore !== false && Boolean(sessionId);
    const transport = new HTTPServerTransport(this.#native, id, { resumable, sessionId: sessionId ?? undefined });
    entry.transport = transport;
    const connected = (async () => server.connect(transport))();
    const waiting = Symbol("waiting");
    const first = await Promise.race([connected, transport.started.then(nextTurn).then(() => waiting)]);
    if (first !== waiting && !isStream) {
      await this.#options.onConnect?.(server);
      return;
    }
    connected
      .then(() => this.#options.onConnect?.(server))
      .catch((error) => {
        console.error("[mcp-proxy] error connecting to server", error);
        this.#native.hangUp(id);
      });
  }

  #end(entry) {
    const ending = this.#finish(entry).finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
    return ending;
  }

  async #finish({ server, transport }) {
    transport?.ended();
    await attempt("in onClose", () => this.#options.onClose?.(server));
    await attempt("closing server", () => server?.close());
  }
}

module.exports = { Sessions };
