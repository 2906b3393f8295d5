// Callbacks, servers and clients that misbehave: an error or nothing, and the server continues.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { after, test } from "node:test";

import { CALL, INITIALIZE, openSession, post, serve, serverV1, serverV2, until } from "./support.mjs";

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));
after(() => assert.deepEqual(unhandled, [], "nothing was left unhandled"));

/** The transport of a server, and what the server would do with it. */
const bare = (t, options = {}) => {
  const made = { closed: 0, received: [] };
  const server = {
    close: async () => void made.closed++,
    connect: async (transport) => {
      made.transport = transport;
      transport.onmessage = (message) => {
        made.received.push(message);
        options.onmessage?.(message, transport);
      };
      await transport.start();
    },
  };
  return serve(t, { createServer: async () => server, ...options }).then((running) => ({ ...running, made }));
};

const answer = ({ id }, transport) => transport.send({ id, jsonrpc: "2.0", result: {} });

test("a send of an invalid message rejects, and the session continues", async (t) => {
  const { made, url } = await bare(t, { onmessage: answer });
  const session = await openSession(url);
  const { transport } = made;
  await assert.rejects(transport.send({ id: 99, jsonrpc: "2.0", result: {} }), /99/);
  await assert.rejects(transport.send({ jsonrpc: "2.0", method: "x" }, { relatedRequestId: 98 }), /98/);
  await assert.rejects(transport.send({}), /JSON-RPC/);
  await assert.rejects(transport.send(undefined), /JSON-RPC/);
  const cyclic = { jsonrpc: "2.0", method: "x" };
  cyclic.params = { cyclic };
  await assert.rejects(transport.send(cyclic), TypeError);
  await assert.rejects(transport.start(), /already started/);
  assert.equal((await post(url, CALL, { headers: session })).status, 200);
});

test("a send after the end rejects, and a second close does nothing", async (t) => {
  const { made, url } = await bare(t, { onmessage: answer });
  const session = await openSession(url);
  await fetch(`${url}/mcp`, { headers: session, method: "DELETE" });
  await until(() => made.closed === 1);
  await assert.rejects(made.transport.send({ jsonrpc: "2.0", method: "x" }), /closed/);
  await made.transport.close();
  await made.transport.close();
  assert.equal(made.closed, 1);
});

test("two answers to one request: the first counts", async (t) => {
  const second = [];
  const { url } = await bare(t, {
    onmessage: async (message, transport) => {
      await answer(message, transport);
      await transport.send({ id: message.id, jsonrpc: "2.0", result: { second: true } }).catch((e) => second.push(e));
    },
  });
  const { messages } = await post(url, INITIALIZE);
  assert.deepEqual(messages, [{ id: 1, jsonrpc: "2.0", result: {} }]);
  await until(() => second.length === 1);
});

test("an error that onmessage throws goes to onerror, even if that throws too", async (t) => {
  t.mock.method(console, "error", () => {});
  const errors = [];
  const { made, url } = await bare(t, {
    onmessage: (message, transport) => {
      if (message.method === "initialize") return answer(message, transport);
      answer(message, transport);
      throw new Error("boom");
    },
  });
  const session = await openSession(url);
  made.transport.onerror = (error) => {
    errors.push(error.message);
    throw new Error("worse");
  };
  assert.equal((await post(url, CALL, { headers: session })).status, 200);
  assert.deepEqual(errors, ["boom"]);
});

test("what is not JSON or not a message is refused without asking a server", async (t) => {
  t.mock.method(console, "error", () => {});
  const { made, url } = await bare(t, { onmessage: answer });
  const session = await openSession(url);
  const heard = made.received.length;
  for (const body of ["{", "", "nul", "[1]", '{"jsonrpc":"1.0","id":1,"method":"x"}', '{"id":{}}', "\u0000"]) {
    assert.equal((await post(url, body, { headers: session })).status, 400, JSON.stringify(body));
  }
  assert.equal(made.received.length, heard);
});

const throwing = () => {
  throw new Error("boom");
};
const strange = [
  ["authenticate", throwing, 401],
  ["createServer", throwing, 500],
  ["createServer", () => ({ close: 1, connect: throwing }), 500],
  ["onConnect", throwing, 500],
  ["onConnect", () => Promise.reject(undefined), 500],
  ["authenticate", () => Promise.reject(Object.create(null)), 401],
  ["authenticate", () => Promise.reject({ headers: 1, status: 1, statusText: 1 }), 500],
  ["authenticate", () => Promise.reject({ headers: new Headers(), status: 9999, statusText: "" }), 500],
  ["authenticate", () => Promise.reject({ headers: new Headers(), status: 200, statusText: "", text: throwing }), 500],
];

for (const [name, callback, status] of strange) {
  test(`${name} as ${callback} answers ${status}`, async (t) => {
    t.mock.method(console, "error", () => {});
    const { url } = await serve(t, { [name]: callback });
    assert.equal((await post(url, INITIALIZE)).status, status);
    assert.equal((await fetch(`${url}/ping`)).status, 200);
  });
}

test("onClose and close that throw or reject leave nothing behind", async (t) => {
  const lines = t.mock.method(console, "error", () => {});
  for (const fail of [throwing, () => Promise.reject(new Error("no"))]) {
    const { close, url } = await serve(t, {
      createServer: async () => Object.assign(serverV1(), { close: fail }),
      onClose: fail,
    });
    await openSession(url);
    await close();
  }
  assert.equal(lines.mock.callCount(), 4);
});

test("a createServer that never settles ends with its client and does not delay close", async (t) => {
  let asked = 0;
  const { close, url } = await serve(t, {
    createServer: () => {
      asked++;
      return new Promise(() => {});
    },
  });
  const posting = post(url, INITIALIZE);
  posting.catch(() => {});
  await until(() => asked === 1);
  await close();
  await assert.rejects(posting);
});

test("close while requests, streams, routes and uploads are under way", async (t) => {
  t.mock.method(console, "error", () => {});
  t.mock.method(console, "log", () => {});
  let closed = 0;
  let hung = false;
  let routed = false;
  const { close, port, url } = await serve(t, {
    createServer: async () => {
      const server = serverV2();
      server.registerTool("hang", {}, () => {
        hung = true;
        return new Promise(() => {});
      });
      return server;
    },
    onClose: async () => void closed++,
    onUnhandledRequest: () => {
      routed = true;
      return new Promise(() => {});
    },
  });
  const session = await openSession(url);
  const accept = "text/event-stream";
  const stream = await fetch(`${url}/mcp`, { headers: { accept, ...session } });
  const hanging = post(url, { ...CALL, params: { arguments: {}, name: "hang" } }, { headers: session });
  hanging.catch(() => {});
  const route = fetch(`${url}/own`).catch((error) => error);
  const sse = await fetch(`${url}/sse`);
  const upload = connect(port, "127.0.0.1");
  await once(upload, "connect");
  upload.on("error", () => {});
  upload.write("POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
  await until(() => routed && hung);
  const uploadClosed = new Promise((resolve) => upload.on("close", resolve));
  await Promise.all([close(), close()]);
  assert.equal(closed, 2);
  await stream.text();
  await sse.text().catch(() => {});
  await hanging.catch(() => {});
  assert.ok(await route);
  await uploadClosed;
});

test("close while a server is being connected closes it once", async (t) => {
  let connecting;
  const calls = [];
  const server = {
    close: async () => void calls.push("close"),
    connect: () =>
      new Promise((resolve) => {
        connecting = resolve;
      }),
  };
  const { close, url } = await serve(t, {
    createServer: async () => server,
    onClose: async () => void calls.push("onClose"),
  });
  const posting = post(url, INITIALIZE).catch((error) => error);
  await until(() => connecting);
  const closing = close();
  connecting();
  await closing;
  await posting;
  await until(() => calls.length === 2);
  assert.deepEqual(calls, ["onClose", "close"]);
});
