import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { InMemoryEventStore } from "mcp-proxy";

const message = (id) => ({ id, jsonrpc: "2.0", method: "ping" });

/** Stores messages numbered from 0 on a stream; returns the event ids. */
const fill = async (store, stream, count) => {
  const ids = [];
  for (let id = 0; id < count; id++) ids.push(await store.storeEvent(stream, message(id)));
  return ids;
};

/** Ids of the messages replayed, and the stream they are of. */
const replay = async (store, after) => {
  const sent = [];
  const stream = await store.replayEventsAfter(after, { send: async (_, { id }) => void sent.push(id) });
  return { sent, stream };
};

describe("InMemoryEventStore", () => {
  test("event ids name the stream, the time and the order within it", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_730_000_000_000 });
    const [first, second] = await fill(new InMemoryEventStore(), "a_b", 2);
    assert.match(first, /^a_b_1730000000000_0000_[0-9a-z]{3}$/);
    assert.match(second, /^a_b_1730000000000_0001_[0-9a-z]{3}$/);
  });

  test("replays what follows, in order, of that stream only", async () => {
    const store = new InMemoryEventStore();
    const [, second] = await fill(store, "_GET_stream", 4);
    await fill(store, "other", 3);
    assert.deepEqual(await replay(store, second), { sent: [2, 3], stream: "_GET_stream" });
    assert.equal(await store.getStreamIdForEventId(second), "_GET_stream");
  });

  test("replays nothing after an event it does not know", async () => {
    const store = new InMemoryEventStore({ maxEvents: 2 });
    const [evicted] = await fill(store, "s", 3);
    for (const id of ["", "unknown", evicted, undefined]) {
      assert.deepEqual(await replay(store, id), { sent: [], stream: "" });
    }
  });

  test("keeps the newest events of all streams together", async () => {
    const store = new InMemoryEventStore({ maxEvents: 3 });
    await fill(store, "old", 2);
    const [first] = await fill(store, "new", 2);
    assert.equal(store.size, 3);
    assert.deepEqual([...store.eventIdsByStream.keys()], ["old", "new"]);
    await fill(store, "new", 1);
    assert.deepEqual([...store.eventIdsByStream.keys()], ["new"]);
    assert.deepEqual((await replay(store, first)).sent, [1, 0]);
  });

  test("a replay sends each event once while others are stored and evicted", async () => {
    const store = new InMemoryEventStore({ maxEvents: 4 });
    const [first] = await fill(store, "s", 4);
    const sent = [];
    const send = async (_, { id }) => {
      sent.push(id);
      if (sent.length <= 3) for (const extra of [1, 2]) await store.storeEvent("s", message(sent.length * 10 + extra));
    };
    assert.equal(await store.replayEventsAfter(first, { send }), "s");
    // 3 and 12 were evicted before their turn.
    assert.deepEqual(sent, [1, 2, 11, 21, 22, 31, 32]);
  });

  test("a replay fails with the error of its receiver", async () => {
    const store = new InMemoryEventStore();
    const [first] = await fill(store, "s", 2);
    await assert.rejects(
      store.replayEventsAfter(first, { send: async () => Promise.reject(new Error("gone")) }),
      /gone/,
    );
  });

  test("holds 1000 events unless told otherwise", async () => {
    for (const options of [undefined, {}, { maxEvents: null }]) {
      const store = new InMemoryEventStore(options);
      await fill(store, "s", 1001);
      assert.equal(store.size, 1000);
    }
    const unbounded = new InMemoryEventStore({ maxEvents: Infinity });
    await fill(unbounded, "s", 1001);
    assert.equal(unbounded.size, 1001);
  });

  test("refuses a bound below one", () => {
    for (const maxEvents of [0, 0.5, -1, NaN, "many"]) {
      assert.throws(() => new InMemoryEventStore({ maxEvents }), { message: "maxEvents must be at least 1" });
    }
  });
});
