import assert from "node:assert/strict";
import { test } from "node:test";

import { InMemoryEventStore } from "../../index.js";
import { CALL, openSession, post, serve, serverV1 } from "./support.mjs";

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
  test(`what a client has missed comes from ${name}`, async (t) => {
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

test("a call whose stream the server ends is resumed", async (t) => {
  let finish;
  const { url } = await serve(t, {
    createServer: async () => {
      const server = loggingServer();
      server.tool("later", "later", async ({ closeSSEStream, sendNotification }) => {
        await sendNotification({ method: "notifications/message", params: { data: "soon", level: "info" } });
        closeSSEStream();
        await new Promise((resolve) => {
          finish = resolve;
        });
        return { content: [] };
      });
      return server;
    },
  });
  const session = await openSession(url);
  const first = await post(url, { ...CALL, params: { arguments: {}, name: "later" } }, { headers: session });
  assert.equal(first.messages.length, 1);
  const [last] = eventIds(first).slice(-1);
  const resumed = await resume(url, session, last);
  finish();
  assert.match(await resumed.text(), /"id":2/);
});
