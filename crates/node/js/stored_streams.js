"use strict";
// The events of one session's streams in the caller's store. The addon numbers the streams; a store may be shared by
// sessions, so stream names contain the session.
const { report } = require("./promises.js");

class StoredStreams {
  #last = Promise.resolve();
  #sessionId;
  #store;
  #tell;

  constructor(store, sessionId, tell) {
    this.#sessionId = sessionId;
    this.#store = store;
    this.#tell = tell;
  }

  /** Stores a message and sends it. If storing fails it is still sent, but cannot be replayed. */
  add(message, stream, send) {
    return this.#inTurn(async () => send(await this.#stored(stream, message)));
  }

  /** Stores an event without a message, from which a client can resume an empty stream. */
  prime(stream, answer) {
    return this.#inTurn(async () => answer(await this.#stored(stream, {})));
  }

  /** Answers with the events after one that the client has. Later messages follow them. */
  replay(lastEventId, answer) {
    return this.#inTurn(async () => {
      try {
        answer(JSON.stringify(await this.#missed(lastEventId)));
      } catch (error) {
        report("replaying events")(error);
        answer("failed");
      }
    });
  }

  /** One after the other. */
  #inTurn(work) {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #stored(stream, message) {
    try {
      return String(await this.#store.storeEvent(`${this.#sessionId}.${stream}`, message));
    } catch (error) {
      this.#tell(error);
      return undefined;
    }
  }

  async #missed(lastEventId) {
    const known = await this.#store.getStreamIdForEventId?.(lastEventId);
    if (known === undefined && this.#store.getStreamIdForEventId) return undefined;
    const events = [];
    const send = async (eventId, message) => {
      if (Object.keys(message).length > 0) events.push([String(eventId), JSON.stringify(message)]);
    };
    const streamId = await this.#store.replayEventsAfter(lastEventId, { send });
    const [sessionId, stream] = String(streamId).split(".");
    return sessionId === this.#sessionId ? { events, stream: Number(stream) } : undefined;
  }
}

module.exports = { StoredStreams };
