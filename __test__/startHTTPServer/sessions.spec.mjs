import assert from "node:assert/strict";
import { test } from "node:test";

import { INITIALIZE, openSession, post, serve, serverV2, until } from "./support.mjs";

test("a server whose connect waits for its client gets initialize at once", async (t) => {
  const order = [];
  const { url } = await serve(t, {
    createServer: async () => {
      const server = serverV2();
      const initialized = new Promise((resolve) => {
        server.server.oninitialized = resolve;
      });
      return {
        close: () => server.close(),
        connect: async (transport) => {
          await server.connect(transport);
          await initialized;
          order.push("connected");
        },
      };
    },
    onConnect: async () => void order.push("onConnect"),
  });
  const session = await openSession(url);
  assert.deepEqual(order, []);
  await post(url, { jsonrpc: "2.0", method: "notifications/initialized" }, { headers: session });
  await until(() => order.length === 2);
  assert.deepEqual(order, ["connected", "onConnect"]);
});

test("onConnect has finished before a server gets initialize", async (t) => {
  const order = [];
  const own = await serve(t, {
    createServer: async () => {
      const server = serverV2();
      return {
        close: () => server.close(),
        connect: async (transport) => {
          await server.connect(transport);
          const { onmessage } = transport;
          transport.onmessage = (...args) => {
            order.push(args[0].method);
            onmessage(...args);
          };
        },
      };
    },
    onConnect: async () => {
      // Meanwhile a whole request passes through the proxy.
      await fetch(`${own.url}/ping`);
      order.push("onConnect");
    },
  });
  await openSession(own.url);
  assert.deepEqual(order, ["onConnect", "initialize"]);
});

test("DELETE closes a server once and its session is unknown afterwards", async (t) => {
  const calls = [];
  const { url } = await serve(t, {
    createServer: async () => {
      const server = serverV2();
      const close = server.close.bind(server);
      server.close = async () => {
        calls.push("close");
        await close();
      };
      return server;
    },
    onClose: async () => void calls.push("onClose"),
  });
  const session = await openSession(url);
  const remove = () => fetch(`${url}/mcp`, { headers: session, method: "DELETE" });
  assert.equal((await remove()).status, 200);
  assert.equal((await remove()).status, 404);
  await until(() => calls.length === 2);
  assert.deepEqual(calls, ["onClose", "close"]);
  assert.equal((await post(url, { ...INITIALIZE, method: "ping" }, { headers: session })).status, 404);
  const again = await post(url, INITIALIZE, { headers: session });
  assert.equal(again.status, 200);
  assert.notEqual(again.headers.get("mcp-session-id"), session["mcp-session-id"]);
});

test("a server that closes itself ends its session", async (t) => {
  let server;
  const closed = [];
  const { url } = await serve(t, {
    createServer: async () => (server = serverV2()),
    onClose: async (which) => void closed.push(which),
  });
  const session = await openSession(url);
  await server.close();
  assert.equal((await post(url, { ...INITIALIZE, method: "ping" }, { headers: session })).status, 404);
  assert.deepEqual(closed, [server]);
});

test("a server that is created after its client has left is closed", async (t) => {
  const closed = [];
  let asked;
  let made;
  const { url } = await serve(t, {
    createServer: () => {
      asked = true;
      return new Promise((resolve) => {
        made = resolve;
      });
    },
    onClose: async (server) => void closed.push(server),
  });
  const leaving = new AbortController();
  const posting = post(url, INITIALIZE, { signal: leaving.signal });
  await until(() => asked);
  leaving.abort();
  await assert.rejects(posting);
  const server = { close: async () => void closed.push("closed"), connect: () => assert.fail("nobody is there") };
  await until(() => made);
  // The listener notices at the socket that the client has disconnected.
  await post(url, "[]");
  made(server);
  await until(() => closed.length === 2);
  assert.deepEqual(closed, [server, "closed"]);
});

const failures = [
  ["createServer", new Error("boom"), 500, "Error creating server"],
  ["createServer", new Error("Invalid JWT"), 401, /-32000.*Invalid JWT/],
  ["createServer", "text", 500, "Error creating server"],
  ["connect", new Error("boom"), 500, /-32603.*Internal Server Error/],
  ["onConnect", new Error("boom"), 500, /-32603.*Internal Server Error/],
];

for (const [where, error, status, expected] of failures) {
  test(`${where} that throws ${error} answers ${status}`, async (t) => {
    t.mock.method(console, "error", () => {});
    const fail = async () => {
      throw error;
    };
    let closed = 0;
    const server = { close: async () => void closed++, connect: where === "connect" ? fail : async () => {} };
    const { url } = await serve(t, {
      createServer: where === "createServer" ? fail : async () => server,
      ...(where === "onConnect" && { onConnect: fail }),
    });
    const { body, headers, status: answered } = await post(url, INITIALIZE);
    assert.equal(answered, status);
    assert.match(body, new RegExp(expected));
    assert.equal(headers.get("www-authenticate") !== null, status === 401);
    assert.equal(closed, where === "createServer" ? 0 : 1);
  });
}

test("createServer that returns no server answers 500", async (t) => {
  t.mock.method(console, "error", () => {});
  for (const nothing of [undefined, 1, {}, { connect: 1 }]) {
    const { url } = await serve(t, { createServer: async () => nothing });
    assert.equal((await post(url, INITIALIZE)).status, 500);
  }
});

test("a thrown Response is the answer, even one of another realm", async (t) => {
  const headers = new Headers({ "x-why": "because" });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  const { url } = await serve(t, {
    createServer: async () => {
      throw { headers, status: 418, statusText: "Short And Stout", text: async () => "tea" };
    },
  });
  const response = await fetch(`${url}/mcp`, {
    body: JSON.stringify(INITIALIZE),
    headers: { accept: "application/json, text/event-stream", "content-type": "application/json" },
    method: "POST",
  });
  assert.equal(response.status, 418);
  assert.equal(response.statusText, "Short And Stout");
  assert.equal(response.headers.get("x-why"), "because");
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(await response.text(), "tea");
});

test("a refused initialize creates no server", async (t) => {
  let created = 0;
  const { url } = await serve(t, { createServer: async () => (created++, serverV2()) });
  assert.equal((await post(url, INITIALIZE, { headers: { accept: "text/plain" } })).status, 406);
  assert.equal(created, 0);
});

test("idle sessions are closed", async (t) => {
  t.mock.method(console, "log", () => {});
  let closed = 0;
  const { url } = await serve(t, { onClose: async () => void closed++, sessionIdleTimeout: 50 });
  await openSession(url);
  await until(() => closed === 1);
});
