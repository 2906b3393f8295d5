"use strict";
// What the holders of one SDK client (v1 or v2) share: its notifications, which go to every lease, and
// its resource subscriptions, which last as long as somebody holds them.
const { ListenStream } = require("./listen_stream.js");

const CLOSE_GRACE = 1000;

/** Notifications of the server, and the member of a sink that takes them. */
const SINK_MEMBERS = {
  "notifications/message": "loggingMessage",
  "notifications/prompts/list_changed": "promptsListChanged",
  "notifications/resources/list_changed": "resourcesListChanged",
  "notifications/resources/updated": "resourceUpdated",
  "notifications/tools/list_changed": "toolsListChanged",
};

/** The bridge of each client, while it is open. */
const bridges = new WeakMap();

const report = (what) => (error) => console.error(`[mcp-proxy] error ${what}`, error);

class Bridge {
  #client;
  /** How many leases hold each subscribed URI. */
  #holders = new Map();
  #leases = new Set();
  #listen;
  #options;
  #queue = Promise.resolve();
  #stopReceiving = () => {};

  constructor(client, requestTimeout) {
    this.#client = client;
    this.#options = requestTimeout ? { timeout: requestTimeout } : undefined;
    this.#listen = new ListenStream({
      enqueue: (change) => this.#enqueue(change),
      // A client that has been closed has no transport any more.
      isWanted: () => bridges.get(client) === this && (!("transport" in client) || Boolean(client.transport)),
      open: () => this.#openListenStream(),
    });
    this.#receiveNotifications();
  }

  subscribe(sink) {
    const uris = new Set();
    const lease = { sink, uris };
    this.#leases.add(lease);
    if (this.#isModern) this.#enqueue(() => this.#leases.size > 0 && this.#listen.ensure());
    return {
      addResourceSubscription: (uri) => this.#enqueue(() => this.#add(lease, uri)),
      owns: (uri) => uris.has(uri),
      release: () => {
        this.#leases.delete(lease);
        this.#enqueue(() => this.#remove(lease, [...uris])).catch(report("releasing resource subscriptions"));
      },
      removeResourceSubscription: (uri) => this.#enqueue(() => this.#remove(lease, [uri])),
    };
  }

  async close() {
    if (bridges.get(this.#client) === this) bridges.delete(this.#client);
    this.#stopReceiving();
    this.#leases.clear();
    // What the queue waits for may take minutes; it goes on, but its owner need not wait that long.
    let timer;
    const grace = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_GRACE)));
    await Promise.race([this.#enqueue(() => this.#listen.close()).catch(report("closing the listen stream")), grace]);
    clearTimeout(timer);
  }

  get #isModern() {
    return this.#client.getProtocolEra?.() === "modern";
  }

  /** Runs changes of the upstream one after the other, so that a count and the call it implies are one step. */
  #enqueue(change) {
    const done = this.#queue.then(change);
    this.#queue = done.catch(() => {});
    return done;
  }

  async #add(lease, uri) {
    if (lease.uris.has(uri) || !this.#leases.has(lease)) return;
    const holders = this.#holders.get(uri) ?? 0;
    this.#holders.set(uri, holders + 1);
    lease.uris.add(uri);
    if (holders > 0) return;
    try {
      if (this.#isModern) await this.#listen.replace();
      else await this.#client.subscribeResource({ uri }, this.#options);
    } catch (error) {
      this.#holders.delete(uri);
      lease.uris.delete(uri);
      throw error;
    }
  }

  async #remove(lease, uris) {
    const last = uris.filter((uri) => {
      if (!lease.uris.delete(uri)) return false;
      const holders = this.#holders.get(uri) - 1;
      if (holders === 0) return this.#holders.delete(uri);
      this.#holders.set(uri, holders);
      return false;
    });
    if (last.length === 0) return;
    if (this.#isModern) await this.#listen.replace();
    else await Promise.all(last.map((uri) => this.#client.unsubscribeResource({ uri }, this.#options)));
  }

  #openListenStream() {
    const capabilities = this.#client.getServerCapabilities() ?? {};
    const filter = {};
    for (const kind of ["prompts", "resources", "tools"]) {
      if (capabilities[kind]?.listChanged) filter[`${kind}ListChanged`] = true;
    }
    if (this.#holders.size > 0) filter.resourceSubscriptions = [...this.#holders.keys()];
    return Object.keys(filter).length > 0 ? this.#client.listen(filter, this.#options) : undefined;
  }

  /** As the fallback they come as the server sent them, before a schema of the SDK drops what it does not know. */
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
    const member = SINK_MEMBERS[method] ?? "otherNotification";
    for (const { sink } of [...this.#leases]) {
      try {
        sink[member]?.(params, method);
      } catch (error) {
        report(`forwarding ${member}`)(error);
      }
    }
  }
}

const getUpstreamBridge = ({ client, requestTimeout }) => {
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
