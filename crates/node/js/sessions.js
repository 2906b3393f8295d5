"use strict";
// The servers from `createServer`: from the request for one to the end of its client.
const { endModern, knowsModern, serveModern } = require("./modern.js");
const { report, within } = require("./promises.js");
const { refusal } = require("./refusal.js");
const { HTTPServerTransport } = require("./transport.js");

/** How long closing waits for callbacks and servers that do not settle. */
const CLOSE_GRACE = 1000;
/** How long a server may go on connecting after its client has disconnected; then it is closed. */
const CONNECT_GRACE = 2000;

/** The answer that a server needs 2026-07-28 requests to be translated. */
const LEGACY = "legacy";

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Runs a callback; an exception is printed and not passed on. */
const attempt = async (what, work) => {
  try {
    await work();
  } catch (error) {
    report(what)(error);
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

  /** Creates a server and connects it; answers the addon once the server takes messages. */
  async create(question, id, sessionId, head) {
    const entry = await this.#make(question, id, head);
    if (!entry) return;
    // The response to a GET begins with the connection, so nothing later can refuse the request.
    const isStream = head.method === "GET";
    const connecting = this.#connect(id, entry, { isStream, sessionId });
    const doing = isStream ? "connecting to server" : "handling request";
    const answer = await connecting.catch((error) => refusal(error, { doing, scoped: true }));
    if (answer) await this.close(id);
    this.#native.answer(question, answer);
  }

  /** The same for one 2026-07-28 request, which subscribes to the resources `uris`. */
  async createModern(question, id, uris, head) {
    const entry = await this.#make(question, id, head);
    if (!entry) return;
    if (this.#options.modern === "strict" && !knowsModern(entry.server)) {
      await this.close(id);
      this.#native.answer(question, '"unknown"');
      return;
    }
    const preparing = this.#prepareModern(id, entry, { authResult: head.authResult, uris });
    entry.settled ??= preparing.catch(() => {});
    const answer = await preparing.catch((error) => refusal(error, { scoped: true }));
    if (answer && answer !== LEGACY) await this.close(id);
    this.#native.answer(question, answer);
  }

  /** The entry of a new server, unless it was not created or nobody waits for it any more. */
  async #make(question, id, head) {
    const entry = { closed: false };
    this.#entries.set(id, entry);
    try {
      entry.server = await this.#options.createServer(head.message);
    } catch (error) {
      this.#entries.delete(id);
      this.#native.answer(question, await refusal(error));
      return undefined;
    }
    if (!entry.closed) return entry;
    await this.#end(entry);
    return undefined;
  }

  async #prepareModern(id, entry, { authResult, uris }) {
    const { server } = entry;
    const { onConnect, onListenSubscriptions } = this.#options;
    if (uris.length > 0) entry.release = await onListenSubscriptions?.(uris);
    if (authResult) await server.updateAuth?.(authResult);
    if (!knowsModern(server)) {
      await this.#connect(id, entry, {});
      return LEGACY;
    }
    await onConnect?.(server);
    entry.transport = new HTTPServerTransport(this.#native, id, {});
    entry.isModern = true;
    await serveModern(server, entry.transport);
    return undefined;
  }

  server(id) {
    return this.#entries.get(id)?.server;
  }

  deliver(id, text, head) {
    this.#entries.get(id)?.transport?.deliver(text, head);
  }

  prime(question, id, stream) {
    const store = this.#entries.get(id)?.transport?.store;
    const answer = (eventId) => this.#native.answer(question, eventId);
    return store ? store.prime(stream, answer) : answer();
  }

  replay(question, id, lastEventId) {
    const store = this.#entries.get(id)?.transport?.store;
    const answer = (replay) => this.#native.answer(question, replay);
    return store ? store.replay(lastEventId, answer) : answer();
  }

  /** The client has disconnected. Runs once for each server, whoever reports it first. */
  close(id) {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    this.#entries.delete(id);
    entry.closed = true;
    // A server that is still being created is ended by its creator.
    return entry.server && this.#end(entry);
  }

  /** Resolves when every closed server was notified, or after a time limit. */
  async settled() {
    await within(CLOSE_GRACE, Promise.all(this.#endings));
  }

  /**
   * Resolves as soon as messages can be delivered. If the server's `connect` waits for its client, it needs messages
   * before it is connected; other servers get them after `onConnect`.
   */
  async #connect(id, entry, { isStream, sessionId }) {
    const { server } = entry;
    const { enableJsonResponse, eventStore } = this.#options;
    const hasEvents = !enableJsonResponse && !isStream && Boolean(sessionId);
    const transport = new HTTPServerTransport(this.#native, id, {
      resumable: eventStore !== false && hasEvents,
      sessionId: sessionId ?? undefined,
      store: hasEvents && eventStore ? eventStore : undefined,
    });
    entry.transport = transport;
    const connected = (async () => server.connect(transport))();
    const ready = connected.then(async () => {
      if (!entry.ended) await this.#options.onConnect?.(server);
    });
    // Not earlier: what `connect` sets up last, such as a timer, would never be removed.
    entry.settled = ready.catch(() => {});
    const waiting = Symbol("waiting");
    const first = await Promise.race([connected, transport.started.then(nextTurn).then(() => waiting)]);
    if (first !== waiting && !isStream) return ready;
    ready.catch((error) => {
      report("connecting to server")(error);
      this.#native.hangUp(id);
    });
    return undefined;
  }

  #end(entry) {
    const ending = this.#finish(entry).finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
    return ending;
  }

  async #finish(entry) {
    const { server, settled, transport } = entry;
    if (entry.isModern) endModern(server, transport);
    else transport?.ended();
    await within(CONNECT_GRACE, settled);
    entry.ended = true;
    await attempt("releasing subscriptions", () => entry.release?.());
    await attempt("in onClose", () => this.#options.onClose?.(server));
    await attempt("closing server", () => server?.close());
  }
}

module.exports = { Sessions };
