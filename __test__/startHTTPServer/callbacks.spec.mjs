// Callbacks and stores that settle twice, or never, or with unusable values; and closing from within them.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import {
  CALL,
  INITIALIZE,
  counted,
  modernRequest,
  openSession,
  post,
  serve,
  serverV1,
  serverV2,
  until,
} from "./support.mjs";

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));
after(() => assert.deepEqual(unhandled, [], "nothing was left unhandled"));

const never = () => new Promise(() => {});

/** Resolves, and then says everything else that it could. */
const twice = (value) => ({
  then: (resolve, reject) => {
    resolve(value);
    reject(new Error("the second word"));
    resolve(undefined);
    throw new Error("the third word");
  },
});

test("if a callback settles twice, only the first result counts", async (t) => {
  const { counts, createServer, onClose } = counted(serverV2);
  const { close, url } = await serve(t, {
    authenticate: () => twice(true),
    createServer: async () => twice(await createServer()),
    onClose: () => twice(onClose()),
    onConnect: () => twice(),
    onUnhandledRequest: (_, response) => twice(response.end("own")),
  });
  const session = await openSession(url);
  assert.equal((await post(url, CALL, { headers: session })).status, 200);
  assert.equal(await (await fetch(`${url}/own`)).text(), "own");
  await close();
  assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
});

test("if a callback refuses and then agrees, the refusal counts", async (t) => {
  const refusing = () => ({
    then: (resolve, reject) => {
      reject(new Error("no"));
      resolve(true);
    },
  });
  const { counts, ...options } = counted(serverV2);
  const { url } = await serve(t, { ...options, authenticate: refusing });
  assert.equal((await post(url, INITIALIZE)).status, 401);
  assert.equal(counts.created, 0);
});

const hanging = [
  ["onConnect", { onConnect: never }],
  ["connect", { createServer: async () => ({ close: async () => {}, connect: never }) }],
  [
    "updateAuth",
    { authenticate: () => true, createServer: async () => Object.assign(serverV2(), { updateAuth: never }) },
  ],
  ["authenticate", { authenticate: never }],
];

for (const [name, options] of hanging) {
  test(`close resolves although ${name} never does, and its client is not left waiting`, async (t) => {
    let asked = false;
    const { close, url } = await serve(t, {
      ...options,
      onUnhandledRequest: async (_, response) => void response.end(),
    });
    const session = name === "updateAuth" ? await openSession(url) : {};
    const posting = post(url, name === "updateAuth" ? CALL : INITIALIZE, { headers: session });
    const settled = posting.then(
      () => (asked = true),
      () => (asked = true),
    );
    // Other clients are served meanwhile.
    assert.equal((await fetch(`${url}/other`)).status, 200);
    assert.equal(asked, false);
    await close();
    await settled;
  });
}

test("close resolves although the close of a server never does", async (t) => {
  const { close, url } = await serve(t, { createServer: async () => Object.assign(serverV1(), { close: never }) });
  await openSession(url);
  await close();
});

test("a subscription whose onListenSubscriptions never settles delays no other one, and no close", async (t) => {
  let asked = 0;
  const { counts, ...options } = counted(serverV2);
  const { close, url } = await serve(t, { ...options, onListenSubscriptions: () => (asked++, never()) });
  const params = { notifications: { resourceSubscriptions: ["file:///a"] } };
  const listening = modernRequest(url, "subscriptions/listen", { params }).catch((error) => error);
  await until(() => asked === 1);
  assert.equal((await modernRequest(url, "tools/list")).status, 200);
  await close();
  await listening;
  await until(() => counts.closed === 2);
  assert.deepEqual(counts, { closed: 2, created: 2, ended: 2 });
});

const stores = [
  ["never settles", { replayEventsAfter: never, storeEvent: never }],
  ["settles to nothing", { replayEventsAfter: async () => undefined, storeEvent: async () => undefined }],
  ["settles to objects", { replayEventsAfter: async () => ({}), storeEvent: async () => ({}) }],
  ["has no methods", {}],
];

for (const [how, eventStore] of stores) {
  test(`an event store that ${how} loses events, and does not delay close`, async (t) => {
    t.mock.method(console, "error", () => {});
    const { counts, ...options } = counted(serverV1);
    const { close, url } = await serve(t, { ...options, eventStore });
    const answered = post(url, INITIALIZE);
    answered.catch(() => {});
    await until(() => counts.created === 1);
    if (how !== "never settles") {
      const { headers, status } = await answered;
      assert.equal(status, 200);
      const session = { "mcp-session-id": headers.get("mcp-session-id") };
      assert.equal((await post(url, CALL, { headers: session })).status, 200);
      const resumed = { ...session, accept: "text/event-stream", "last-event-id": "strange" };
      assert.ok((await fetch(`${url}/mcp`, { headers: resumed })).status >= 400);
    }
    await close();
    assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
  });
}

test("unexpected results of callbacks are ignored", async (t) => {
  const lines = t.mock.method(console, "error", () => {});
  const { counts, ...options } = counted(serverV2);
  const { close, url } = await serve(t, {
    ...options,
    onClose: () => 7,
    onConnect: () => "connected",
    onListenSubscriptions: () => 7,
    onUnhandledRequest: (_, response) => response.end("own"),
  });
  const session = await openSession(url);
  assert.equal((await post(url, CALL, { headers: session })).status, 200);
  assert.equal(await (await fetch(`${url}/own`)).text(), "own");
  const params = { notifications: { resourceSubscriptions: ["file:///a"] } };
  await (await modernRequest(url, "subscriptions/listen", { params })).text();
  await close();
  assert.deepEqual({ ...counts, ended: 0 }, { closed: 2, created: 2, ended: 0 });
  const told = lines.mock.calls.map(({ arguments: [line] }) => line);
  assert.deepEqual(told, ["[mcp-proxy] error releasing subscriptions"]);
});

for (const name of ["authenticate", "createServer", "onConnect", "onClose", "onUnhandledRequest"]) {
  test(`close called from within ${name} ends everything once`, async (t) => {
    t.mock.method(console, "error", () => {});
    const { counts, createServer, onClose } = counted(serverV2);
    const running = { close: () => {} };
    const within =
      (callback) =>
      async (...args) => {
        running.close();
        return callback?.(...args);
      };
    const options = { authenticate: () => true, createServer, onClose, onConnect: () => {} };
    Object.assign(running, await serve(t, { ...options, [name]: within(options[name]) }));
    const asking = name === "onUnhandledRequest" ? fetch(`${running.url}/own`) : openSession(running.url);
    const session = await asking.catch(() => undefined);
    if (name === "onClose" && session) await fetch(`${running.url}/mcp`, { headers: session, method: "DELETE" });
    await running.close();
    assert.deepEqual({ ...counts, created: 0 }, { closed: counts.created, created: 0, ended: counts.created });
  });
}
