"use strict";
// The events of one client's streams in a store of the caller's.
const { randomUUID } = require("node:crypto");

const STANDALONE = "_GET_stream";

class StoredStreams {
  #last = Promise.resolve();
  #store;
  #streams = new Map();

  constructor(store) {
    this.#store = store;
  }

  /** Notes on which stream the answers to a request will travel: one for each HTTP request. */
  opened({ id, method }, head) {
    if (method !== undefined && id !== undefined) this.#streams.set(id, (head.streamId ??= randomUUID()));
  }

  /** Stores a message, one after the other; resolves to its event id. */
  add(message, related, onerror) {
    const request = message.method === undefined ? message.id : related;
    const streamId = this.#streams.get(request) ?? STANDALONE;
    if (message.method === undefined) this.#streams.delete(request);
    const stored = this.#last.then(async () => String(await this.#store.storeEvent(streamId, message)));
    // What cannot be stored is sent all the same: it only cannot be asked for again.
    this.#last = stored.catch((error) => {
      if (onerror) onerror(error);
      else console.error("[mcp-proxy] error storing an event", error);
    });
    return this.#last;
  }

  async replay(lastEventId) {
    if (this.#store.getStreamIdForEventId) {
      const known = await this.#store.getStreamIdForEventId(lastEventId);
      if (known === undefined) return undefined;
    }
    const events = [];
    const streamId = await this.#store.replayEventsAfter(lastEventId, {
      send: async (eventId, message) => void events.push([String(eventId), JSON.stringify(message)]),
    });
    return streamId ? { events, standalone: streamId === STANDALONE } : undefined;
  }
}

module.exports = { StoredStreams };
