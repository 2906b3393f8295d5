"use strict";
// `startHTTPServer`: passes the options to the addon and answers its questions.
const { isWorker } = require("node:cluster");
const { isMainThread } = require("node:worker_threads");

const addon = require("./addon.js");
const { CustomRoutes } = require("./custom_route.js");
const { guarded } = require("./guard.js");
const { inOptions } = require("./in_options.js");
const { configured, HTTP_SERVER, IN_WORDS, inWords, taken } = require("./options.js");
const { report } = require("./promises.js");
const { refusal } = require("./refusal.js");
const { RequestHead } = require("./request.js");
const { Sessions } = require("./sessions.js");

/** The kinds of events, by their numbers. */
const KINDS = addon.eventKinds();

/** Where a result of `authenticate` contains the caller's identity. */
const SUBJECT_NAMES = ["subject", "sub", "userId", "user", "id"];

/** The caller: the first of these that is a string; null for nobody in particular. */
const subjectOf = (result) => {
  if (typeof result !== "object" || result === null) return null;
  const names = SUBJECT_NAMES.map((name) => result[name]);
  return names.find((name) => typeof name === "string" && name !== "") ?? null;
};

/** The answer to each kind of question if the program fails to give one: never a yes. */
const UNANSWERED = {
  authenticate: '"unusable"',
  create: '"unusable"',
  createModern: '"unusable"',
  origin: "unknown",
  prime: undefined,
  replay: '"unusable"',
};

class HTTPServer {
  #closing;
  #heads = new Map();
  #native;
  #options;
  #routes;
  #sessions;
  #settle;

  notify = {
    promptsChanged: () => this.#native.notify("prompts"),
    resourceUpdated: (uri) => this.#native.notify("resources", String(uri)),
    resourcesChanged: () => this.#native.notify("resources"),
    toolsChanged: () => this.#native.notify("tools"),
  };

  /** The handler of each kind of event. */
  #handlers = {
    authenticate: ({ head, id, server, text }) => this.#authenticate(id, head, { owner: text, server }),
    close: ({ id }) => this.#sessions.close(id),
    closed: () => this.#settle.closed(),
    create: ({ head, id, server, text }) => this.#sessions.create(id, server, text, head),
    createModern: ({ head, id, server, text }) => this.#sessions.createModern(id, server, JSON.parse(text), head),
    failed: ({ text }) => this.#settle.failed(text),
    largeMessage: ({ head, id, text }) => {
      setImmediate(() => this.#native.taken());
      this.#sessions.deliver(id, text, head);
    },
    listening: ({ id }) => this.#settle.listening(id),
    message: ({ head, id, text }) => this.#sessions.deliver(id, text, head),
    origin: ({ id, text }) => this.#judgeOrigin(id, text),
    prime: ({ id, server, stream }) => this.#sessions.prime(id, server, stream),
    release: ({ id }) => this.#release(id),
    replay: ({ id, server, text }) => this.#sessions.replay(id, server, text),
    route: ({ caller, head, id }) => this.#routes.serve(id, caller, head),
    routeBytes: ({ bytes, id }) => this.#routes.bytes(id, bytes),
    routeDrained: ({ id }) => this.#routes.drained(id),
    routeEnd: ({ id }) => this.#routes.bytes(id, null),
  };

  async start(given) {
    const options = taken(given, HTTP_SERVER);
    this.#options = options;
    const listening = new Promise((resolve, reject) => {
      this.#settle = { failed: (text) => reject(listenError(text)), listening: resolve };
    });
    // The addon checks the options before it does anything.
    const words = JSON.stringify(inWords(configured(guarded(options)), IN_WORDS) ?? null);
    this.#native = addon.startHttpServer(words, (...event) => this.#dispatch(...event), !isMainThread, isWorker);
    this.#sessions = new Sessions(this.#native, options);
    if (options.onUnhandledRequest) this.#routes = new CustomRoutes(this.#native, options.onUnhandledRequest);
    this.port = await listening;
    const native = this.#native;
    const tunnel = {
      get url() {
        return native.tunnelUrl();
      },
    };
    return { close: () => this.close(), notify: this.notify, port: this.port, ...(native.tunnelUrl() && { tunnel }) };
  }

  close() {
    return (this.#closing ??= this.#close());
  }

  async #close() {
    const closed = new Promise((resolve) => {
      this.#settle.closed = resolve;
    });
    this.#native.close();
    await closed;
    await this.#sessions.settled();
  }

  #dispatch(number, id, server, stream, caller, text, rawHead, bytes) {
    const kind = KINDS[number];
    // Every question is answered, whatever the program's objects do when they are examined.
    const failed = (error) => {
      console.error("[mcp-proxy] unexpected error", error);
      if (kind in UNANSWERED) this.#native.answer(id, UNANSWERED[kind]);
    };
    try {
      const head = this.#head(caller, rawHead);
      const handled = this.#handlers[kind]({ bytes, caller, head, id, server, stream, text });
      handled?.catch?.(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** The request of an event; the same object each time if the addon will ask again. */
  #head(key, text) {
    if (text === null) return this.#heads.get(key);
    const head = new RequestHead(text);
    if (key) this.#heads.set(key, head);
    return head;
  }

  #release(key) {
    this.#heads.delete(key);
    this.#routes?.release(key);
  }

  /** `visited` is the session that the request names: its server, and the subject for which it was opened, or null. */
  async #authenticate(question, head, visited) {
    let result;
    let subject;
    let denied;
    try {
      result = await this.#options.authenticate(head.message);
      subject = subjectOf(result);
      denied = isDenied(result) ? { denied: reasonOf(result) } : undefined;
    } catch (error) {
      this.#native.answer(question, await refusal(error));
      return;
    }
    if (denied) {
      this.#native.answer(question, JSON.stringify(denied));
      return;
    }
    head.authResult = result;
    // A session of another identity is treated as unknown.
    const refused = visited.owner === subject ? await this.#updateAuth(visited.server, result) : undefined;
    this.#native.answer(question, refused ?? (subject === null ? undefined : JSON.stringify({ subject })));
  }

  /** Tells a session's server who is calling now. */
  async #updateAuth(serverId, result) {
    const server = this.#sessions.server(serverId);
    try {
      if (typeof server?.updateAuth !== "function") return undefined;
      await server.updateAuth(result);
      return undefined;
    } catch (error) {
      return refusal(error, { doing: "handling request", scoped: true });
    }
  }

  #judgeOrigin(question, origin) {
    let answer;
    try {
      // Throws if it is not an origin, such as `null`.
      new URL(origin);
      if (!this.#options.cors.origin(origin)) answer = "no";
    } catch (error) {
      report("parsing origin")(error);
      answer = "unknown";
    }
    this.#native.answer(question, answer);
  }
}

/** Whether the callback's result refuses the caller. */
const isDenied = (result) =>
  !result || (typeof result === "object" && "authenticated" in result && !result.authenticated);

const reasonOf = (result) => {
  const reason = result?.error;
  return typeof reason === "string" ? reason : null;
};

const listenError = (text) => {
  const { message, properties } = JSON.parse(text);
  return Object.assign(new Error(inOptions(message)), properties);
};

const startHTTPServer = async (options) => new HTTPServer().start(options);

module.exports = { startHTTPServer };
