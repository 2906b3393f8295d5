import assert from "node:assert/strict";
import { test } from "node:test";

import { InMemoryEventStore } from "../../index.js";
import { CALL, openSession, post, serve, serverV1, until } from "./support.mjs";

const eventIds = ({ body }) => [...body.matchAll(/^id: (.*)$/gm)].map(([, id]) => id);

const resume = (url, session, id, signal) =>
  fetch(`${url}/mcp`, { headers: { accept: "text/event-stream", "last-event-id": id, ...session }, signal });

const loggingServer = () => {
  const server = serverV1();
  server.server.registerCapabilities({ logging: {} });
  return server;
};

/** A v1 server whose tool `steps` notifies twice, then answers. */
const steps = () => {
  const server = loggingServer();
  server.tool("steps", "steps", async ({ sendNotification }) => {
    for (const data of ["a", "b"]) {
      await sendNotification({ method: "notifications/message", params: { data, level: "info" } });
    }
    return { content: [] };
  });
  return server;
};

for (const [name, store] of [
  ["a store of the caller's", new InMemoryEventStore()],
  ["the default store", undefined],
]) {
  test(`missed messages come from ${name}`, async (t) => {
    t.mock.method(console, "log", () => {});
    const { url } = await serve(t, { createServer: async () => steps(), eventStore: store });
    const session = await openSession(url);
    const call = { ...CALL, params: { arguments: {}, name: "steps" } };
    const answer = await post(url, call, { headers: session });
    const ids = eventIds(answer);
    assert.equal(ids.length, 3);
    if (store) assert.equal(await store.getStreamIdForEventId(ids[2]), await store.getStreamIdForEventId(ids[0]));
    const replay = await resume(url, session, ids[0]);
    assert.equal(replay.status, 200);
    const body = await replay.text();
    assert.deepEqual(eventIds({ body }), ids.slice(1));
    assert.equal((await resume(url, session, "unknown")).status, 400);
  });
}

test("without a store events have no ids", async (t) => {
  const { url } = await serve(t, { eventStore: false });
  assert.deepEqual(eventIds(await post(url, CALL, { headers: await openSession(url) })), []);
});

test("messages are sent in order and without ids when the store fails", async (t) => {
  t.mock.method(console, "error", () => {});
  const eventStore = {
    replayEventsAfter: () => Promise.reject(new Error("broken")),
    storeEvent: () => Promise.reject(new Error("broken")),
  };
  const { url } = await serve(t, { createServer: async () => steps(), eventStore });
  const session = await openSession(url);
  const answer = await post(url, { ...CALL, params: { arguments: {}, name: "steps" } }, { headers: session });
  assert.deepEqual(
    answer.messages.map(({ id, params }) => params?.data ?? id),
    ["a", "b", 2],
  );
  assert.equal((await resume(url, session, "1")).status, 500);
});

/** A server whose tool `later` notifies, ends its stream if it may, and answers once `finish` is called. */
const pausing = (finishing) => () => {
  const server = loggingServer();
  server.tool("later", "later", async ({ closeSSEStream, sendNotification }) => {
    const say = (data) => sendNotification({ method: "notifications/message", params: { data, level: "info" } });
    await say("soon");
    closeSSEStream();
    await new Promise((resolve) => finishing.push({ finish: resolve, say }));
    return { content: [] };
  });
  return server;
};

const later = { ...CALL, params: { arguments: {}, name: "later" } };

for (const [name, makeStore] of [
  ["a store of the caller's", () => new InMemoryEventStore()],
  ["the default store", () => undefined],
]) {
  test(`a call whose stream the server ends is resumed from ${name}`, async (t) => {
    t.mock.method(console, "log", () => {});
    const calls = [];
    const { url } = await serve(t, { createServer: async () => pausing(calls)(), eventStore: makeStore() });
    const session = await openSession(url);
    const first = await post(url, later, { headers: session });
    assert.equal(first.messages.length, 1);
    const [{ finish, say }] = calls;
    await say("while nobody reads");
    const resumed = await resume(url, session, eventIds(first).at(-1));
    assert.equal(resumed.status, 200);
    await say("while somebody reads");
    finish();
    const body = await resumed.text();
    const order = ["while nobody reads", "while somebody reads", '"id":2'].map((words) => body.indexOf(words));
    assert.ok(order[0] > 0 && order[0] < order[1] && order[1] < order[2], `${order} in ${body}`);
    assert.equal(new Set(eventIds({ body })).size, 3);
    assert.equal(body.match(/while/g).length, 2);
  });

  test(`a stream begins with an id from ${name}, for clients whose revision has it`, async (t) => {
    t.mock.method(console, "log", () => {});
    const { url } = await serve(t, { createServer: async () => steps(), eventStore: makeStore() });
    const session = await openSession(url);
    const call = { ...CALL, params: { arguments: {}, name: "steps" } };
    const primed = await post(url, call, { headers: { ...session, "mcp-protocol-version": "2025-11-25" } });
    assert.match(primed.body, /^id: \S+\ndata: \n\nevent: message\n/);
    const ids = eventIds(primed);
    assert.equal(ids.length, 4);
    const body = await (await resume(url, session, ids[0])).text();
    assert.deepEqual(eventIds({ body }), ids.slice(1));
    assert.equal(eventIds(await post(url, { ...call, id: 3 }, { headers: session })).length, 3);
  });
}

test("sessions that share a store get only their own events", async (t) => {
  t.mock.method(console, "log", () => {});
  const eventStore = new InMemoryEventStore();
  const { url } = await serve(t, { createServer: async () => steps(), eventStore });
  const [mine, other] = [await openSession(url), await openSession(url)];
  const ids = eventIds(await post(url, { ...CALL, params: { arguments: {}, name: "steps" } }, { headers: mine }));
  assert.equal((await resume(url, other, ids[0])).status, 400);
  assert.equal((await resume(url, mine, ids[0])).status, 200);
});

/** A store in which the streams for which `holds` is true wait. */
class Holding extends InMemoryEventStore {
  holds = () => false;
  #waiting = [];

  async storeEvent(stream, message) {
    if (this.holds(stream)) await new Promise((resolve) => this.#waiting.push(resolve));
    return super.storeEvent(stream, message);
  }

  release() {
    this.holds = () => false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const PATIENT = { timeout: 60_000 };

/** Serves a tool `work` with this store; `work` gets a function that notifies. */
const working = async (t, eventStore, work) => {
  t.mock.method(console, "log", () => {});
  const errors = [];
  const createServer = async () => {
    const server = loggingServer();
    server.server.onerror = (error) => errors.push(error.message);
    server.tool("work", "work", async ({ sendNotification }) => {
      await work((data) => sendNotification({ method: "notifications/message", params: { data, level: "info" } }));
      return { content: [] };
    });
    return server;
  };
  return { ...(await serve(t, { createServer, eventStore })), errors };
};

const work = { ...CALL, params: { arguments: {}, name: "work" } };

test("neither a call nor another session waits for a slow store", PATIENT, async (t) => {
  const eventStore = new Holding();
  let calls = 0;
  const { url } = await working(t, eventStore, async () => {
    calls += 1;
  });
  const [slow, quick] = [await openSession(url), await openSession(url)];
  eventStore.holds = (stream) => stream.startsWith(slow["mcp-session-id"]);
  const answer = post(url, work, { headers: { ...slow, "mcp-protocol-version": "2025-11-25" } });
  await until(() => calls === 1);
  assert.equal(eventIds(await post(url, work, { headers: quick })).length, 1);
  eventStore.release();
  assert.match((await answer).body, /^id: \S+\ndata: \n\nevent: message\nid: /);
});

test("messages wait for the store only up to a limit", PATIENT, async (t) => {
  const eventStore = new Holding();
  let numbers = [..."123456789"];
  const { errors, url } = await working(t, eventStore, async (say) => {
    await Promise.all(numbers.map((number) => say(`${number}${"x".repeat(2 ** 20)}`)));
    eventStore.release();
  });
  const session = await openSession(url);
  eventStore.holds = () => true;
  const answer = await post(url, work, { headers: session });
  assert.deepEqual(
    answer.messages.map(({ id, params }) => params?.data[0] ?? id),
    [...numbers, 2],
  );
  assert.equal(eventIds(answer).length, 1);
  assert.equal(errors.length, 1);
  assert.match(errors[0], /^the event store is slow: \d+ characters wait/);
  numbers = ["1", "2"];
  assert.equal(eventIds(await post(url, work, { headers: session })).length, 3);
});

test("nothing waits for the store after the session's end", PATIENT, async (t) => {
  const eventStore = new Holding();
  let outcome = "none";
  const { url } = await working(t, eventStore, async (say) => {
    eventStore.holds = () => true;
    outcome = "waits";
    await say("to nobody").catch(() => {});
    outcome = "over";
  });
  const session = await openSession(url);
  const answer = post(url, work, { headers: session });
  await until(() => outcome === "waits");
  await fetch(`${url}/mcp`, { headers: session, method: "DELETE" });
  await answer;
  await until(() => outcome === "over");
});
