"use strict";
// The package's event store, for servers that have their own. Sessions of the listener use the core's, with the same
// limit and the same order of eviction.
const { randomInt } = require("node:crypto");

const { defaultMaxEvents } = require("./addon.js");

class InMemoryEventStore {
  /** Event ids of each stream, oldest first, so that a replay visits one stream only. */
  eventIdsByStream = new Map();
  #events = new Map();
  #maxEvents;
  #lastTime = 0;
  #countInTime = 0;

  constructor({ maxEvents } = {}) {
    this.#maxEvents = maxEvents ?? defaultMaxEvents();
    // Negated, so that NaN is refused too.
    if (!(this.#maxEvents >= 1)) throw new Error("maxEvents must be at least 1");
  }

  get size() {
    return this.#events.size;
  }

  async getStreamIdForEventId(eventId) {
    return this.#events.get(eventId)?.streamId;
  }

  async storeEvent(streamId, message) {
    const eventId = this.#nextEventId(streamId);
    this.#events.set(eventId, { message, streamId });
    const eventIds = this.eventIdsByStream.get(streamId);
    if (eventIds) eventIds.push(eventId);
    else this.eventIdsByStream.set(streamId, [eventId]);
    while (this.#events.size > this.#maxEvents) this.#evictOldest();
    return eventId;
  }

  async replayEventsAfter(lastEventId, { send }) {
    const { streamId } = this.#events.get(lastEventId) ?? {};
    if (!streamId) return "";
    let last = lastEventId;
    for (let next = 0; ;) {
      // While one event is sent, others may be stored and evicted: continue after the last one sent.
      const eventIds = this.eventIdsByStream.get(streamId) ?? [];
      if (eventIds[next - 1] !== last) next = eventIds.indexOf(last) + 1;
      if (next >= eventIds.length) return streamId;
      last = eventIds[next++];
      await send(last, this.#events.get(last).message);
    }
  }

  #evictOldest() {
    const [[eventId, { streamId }]] = this.#events;
    this.#events.delete(eventId);
    const eventIds = this.eventIdsByStream.get(streamId);
    // The oldest event of all is the oldest of its stream.
    eventIds.shift();
    if (eventIds.length === 0) this.eventIdsByStream.delete(streamId);
  }

  #nextEventId(streamId) {
    const now = Date.now();
    this.#countInTime = now === this.#lastTime ? this.#countInTime + 1 : 0;
    this.#lastTime = now;
    const count = this.#countInTime.toString(36).padStart(4, "0");
    const random = randomInt(36 ** 3)
      .toString(36)
      .padStart(3, "0");
    return `${streamId}_${now}_${count}_${random}`;
  }
}

module.exports = { InMemoryEventStore };
