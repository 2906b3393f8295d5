"use strict";
// The events of one session's streams in the caller's store. The addon numbers the streams; a store may be shared by
// sessions, so stream names contain the session.
//
// The store gives each event its id, so a message is sent once it is stored. Only the messages of its own session wait
// for that, in their order: no call on its way to the server does, and no other session. Beyond a limit they do not wait
// any more, and neither do they after the session's end.
const { report } = require("./promises.js");

/** Most characters that wait for the store, a single message apart: half of what a stream keeps for its reader. */
const MOST_WAITING = 8 * 2 ** 20;

class StoredStreams {
  /** Characters of the messages that wait. */
  #behind = 0;
  #giveUp = () => {};
  /** Whether messages are sent without being stored, until none waits any more. */
  #isAbandoned = false;
  #isOver = false;
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
  async add({ message, send, size, stream }) {
    if (this.#behind > 0 && this.#behind + size > MOST_WAITING) this.#abandon();
    this.#behind += size;
    try {
      return await this.#inTurn(async () => send(await this.#stored(stream, message)));
    } finally {
      this.#behind -= size;
      if (this.#behind === 0) this.#isAbandoned = false;
    }
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

  /** The session is over: nobody reads what still waits. */
  end() {
    this.#isOver = true;
    this.#giveUp();
  }

  /** What is still to be stored is sent without it. */
  #abandon() {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#giveUp();
    this.#tell(
      new Error(`the event store is slow: ${this.#behind} characters wait, so they are sent without being stored`),
    );
  }

  /** One after the other. */
  #inTurn(work) {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #stored(stream, message) {
    if (this.#isAbandoned || this.#isOver) return undefined;
    const given = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
    const stored = async () => String(await this.#store.storeEvent(`${this.#sessionId}.${stream}`, message));
    try {
      return await Promise.race([stored(), given]);
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
