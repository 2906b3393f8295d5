"use strict";
// One SDK client (v1 or v2) that several servers share. The core decides about subscriptions, recipients and retries; this
// carries it out with the client's methods.
//
// The two timers are JavaScript's. What they wait for is (promises of the SDK's), no runtime of the core is running here,
// and a program that sets its clock (`Date.now`, `setTimeout`) sets it for its client, too.
const addon = require("./addon.js");
const { report, within } = require("./promises.js");

/** How long closing waits for streams that the client does not close. */
const CLOSE_GRACE = 1000;

/** Notifications from the server, and the member of a sink that handles them. */
const SINK_MEMBERS = {
  "notifications/message": "loggingMessage",
  "notifications/prompts/list_changed": "promptsListChanged",
  "notifications/resources/list_changed": "resourcesListChanged",
  "notifications/resources/updated": "resourceUpdated",
  "notifications/tools/list_changed": "toolsListChanged",
};

/** The bridge of each client, while it is open. */
const bridges = new WeakMap();

const rpcError = (code, message) => Object.assign(new Error(message), { code });

class Bridge {
  #client;
  #lastWish = 0;
  #options;
  #retry;
  #shares = new addon.NativeShares();
  #sinks = new Map();
  #stopReceiving = () => {};
  /** For each stream, the promise of it or, while it is being closed, of its end. */
  #streams = new Map();
  #wishes = new Map();

  /** Handlers of the core's actions. */
  #steps = {
    close: ({ stream }) => this.#close(stream),
    grant: ({ wish }) => this.#settled(wish).resolve(),
    open: ({ stream, text }) => this.#open(stream, JSON.parse(text).notifications),
    refuse: ({ code, text, wish }, error) => this.#settled(wish).reject(text ? rpcError(code, text) : error),
    retry: ({ pause }) => this.#retryAfter(pause),
    subscribe: ({ uri }) => this.#ask("subscribeResource", uri),
    unsubscribe: ({ uri }) => this.#ask("unsubscribeResource", uri),
  };

  constructor(client, requestTimeout) {
    this.#client = client;
    this.#options = requestTimeout ? { timeout: requestTimeout } : undefined;
    this.#receiveNotifications();
  }

  /** A lease. A sink with `anyNotification` gets every notification there, as it was sent. */
  subscribe(sink) {
    const shares = this.#shares;
    this.#meet();
    const lease = shares.attach();
    this.#sinks.set(lease, sink);
    this.#carryOut();
    // The client may have been connected again since the last attempt.
    shares.retry(this.#isConnected);
    this.#carryOut();
    return {
      addResourceSubscription: (uri) => this.#wish((wish) => shares.want(lease, uri, wish)),
      entitles: (method, { level, uri } = {}) => {
        const text = (value) => (typeof value === "string" ? value : undefined);
        return shares.entitles(lease, method, text(level), text(uri));
      },
      owns: (uri) => shares.holds(lease, uri),
      release: () => {
        this.#sinks.delete(lease);
        shares.detach(lease);
        this.#carryOut();
      },
      removeResourceSubscription: (uri) => this.#wish((wish) => shares.unwant(lease, uri, wish)),
      setLevel: (level) => {
        const wrong = shares.setLevel(lease, String(level));
        if (wrong) throw rpcError(wrong.code, wrong.text);
      },
    };
  }

  async close() {
    if (this.#isOpen) bridges.delete(this.#client);
    this.#stopReceiving();
    this.#sinks.clear();
    clearTimeout(this.#retry);
    this.#shares.close();
    this.#carryOut();
    // Opening a stream may take minutes; then it is closed, but its owner need not wait that long.
    await within(CLOSE_GRACE, Promise.all(this.#streams.values()));
  }

  get #isOpen() {
    return bridges.get(this.#client) === this;
  }

  /** A client that was closed has no transport any more. */
  get #isConnected() {
    return !("transport" in this.#client) || Boolean(this.#client.transport);
  }

  /** Tells the core which kind of server is connected. */
  #meet() {
    const isModern = this.#isOpen && this.#client.getProtocolEra?.() === "modern";
    this.#shares.meet(isModern ? JSON.stringify(this.#client.getServerCapabilities() ?? {}) : undefined);
  }

  async #wish(ask) {
    // If the lease is released in this turn, nothing is wanted any more.
    await undefined;
    return new Promise((resolve, reject) => {
      this.#meet();
      const wish = ++this.#lastWish;
      ask(wish);
      this.#wishes.set(wish, { reject, resolve });
      this.#carryOut();
    });
  }

  #settled(wish) {
    const settle = this.#wishes.get(wish);
    this.#wishes.delete(wish);
    return settle;
  }

  /** Carries out all due actions, after this error if there was one. */
  #carryOut(error) {
    const steps = this.#shares.take();
    for (const step of steps) this.#steps[step.kind](step, error);
    if (error && !steps.some(({ kind }) => kind === "refuse")) report("of the upstream")(error);
  }

  async #ask(method, uri) {
    let failure;
    try {
      await this.#client[method]({ uri }, this.#options);
    } catch (error) {
      failure = error ?? new Error("the upstream refused");
    }
    this.#shares.answered(uri, !failure);
    this.#carryOut(failure);
  }

  async #open(stream, filter) {
    const opening = (async () => this.#client.listen(filter, this.#options))();
    this.#streams.set(stream, opening);
    try {
      const { closed, honoredFilter } = await opening;
      this.#shares.opened(stream, honoredFilter && (honoredFilter.resourceSubscriptions ?? []), Date.now());
      this.#carryOut();
      this.#ended(stream, await closed);
    } catch (error) {
      this.#ended(stream, "failed", error);
    }
  }

  #ended(stream, reason, error) {
    const code = Number.isInteger(error?.code) ? error.code : undefined;
    this.#streams.delete(stream);
    this.#shares.ended(stream, this.#isConnected ? reason : "local", code, Date.now());
    this.#carryOut(error);
  }

  #close(stream) {
    const closing = this.#streams.get(stream).then((opened) => opened.close());
    this.#streams.set(
      stream,
      closing.catch(() => {}),
    );
  }

  /** Sleeps; the core has decided how long, and decides then what is due. */
  #retryAfter(pause) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#shares.rested(this.#isConnected);
      this.#carryOut();
    }, pause);
    this.#retry.unref();
  }

  /** As the fallback handler, it gets them as the server sent them, before an SDK schema drops unknown members. */
  #receiveNotifications() {
    const client = this.#client;
    const methods = Object.keys(SINK_MEMBERS);
    const receive = (notification) => this.#fanOut(notification);
    if (!client.removeNotificationHandler) {
      for (const method of methods) client.setNotificationHandler(method, receive);
      return;
    }
    for (const method of methods) client.removeNotificationHandler(method);
    const previous = client.fallbackNotificationHandler;
    const fallback = async (notification) => {
      receive(notification);
      if (!(notification.method in SINK_MEMBERS)) await previous?.(notification);
    };
    client.fallbackNotificationHandler = fallback;
    this.#stopReceiving = () => {
      if (client.fallbackNotificationHandler === fallback) client.fallbackNotificationHandler = previous;
    };
  }

  #fanOut({ method, params }) {
    for (const sink of [...this.#sinks.values()]) {
      try {
        if (sink.anyNotification) sink.anyNotification(method, params);
        else sink[SINK_MEMBERS[method]]?.(params);
      } catch (error) {
        report(`forwarding ${method}`)(error);
      }
    }
  }
}

const getUpstreamBridge = ({ client, requestTimeout }) => {
  if (typeof client?.setNotificationHandler !== "function") {
    throw new TypeError('option "client" must be a client of an MCP SDK');
  }
  if (!bridges.has(client)) bridges.set(client, new Bridge(client, requestTimeout));
  return bridges.get(client);
};

const acquireListenSubscriptions = async ({ client, requestTimeout, uris }) => {
  const lease = getUpstreamBridge({ client, requestTimeout }).subscribe({});
  const outcomes = await Promise.allSettled(uris.map((uri) => lease.addResourceSubscription(uri)));
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (!failed) return () => lease.release();
  lease.release();
  throw failed.reason;
};

module.exports = { acquireListenSubscriptions, getUpstreamBridge };
