import assert from "node:assert/strict";
import { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { test } from "node:test";

import { INITIALIZE, post, serve, until } from "./support.mjs";

const routes = (t, onUnhandledRequest, options) => serve(t, { onUnhandledRequest, ...options });

test("a route is given Node's own objects and answers with them", async (t) => {
  const { url } = await routes(t, async (request, response) => {
    assert.ok(request instanceof IncomingMessage);
    assert.ok(response instanceof ServerResponse);
    const { headers, method, url } = request;
    response.setHeader("set-cookie", ["a=1", "b=2"]);
    response.writeHead(201, "Made It", { "content-type": "application/json" });
    response.end(JSON.stringify({ host: headers.host, method, url }));
  });
  const response = await fetch(`${url}/custom?x=1`, { method: "PUT" });
  assert.equal(response.status, 201);
  assert.equal(response.statusText, "Made It");
  assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.deepEqual(await response.json(), { host: new URL(url).host, method: "PUT", url: "/custom?x=1" });
});

test("content types are left unchanged if the option says so", async (t) => {
  const { url } = await routes(
    t,
    async (_, response) => void response.setHeader("content-type", "application/json").end(),
    {
      normalizeCharset: false,
    },
  );
  assert.equal((await fetch(`${url}/custom`)).headers.get("content-type"), "application/json");
});

test("bodies stream in both directions", async (t) => {
  const { url } = await routes(t, async (request, response) => {
    for await (const piece of request) {
      if (!response.write(piece)) await once(response, "drain");
    }
    response.end();
  });
  const body = Buffer.alloc(5_000_000, "0123456789");
  const response = await fetch(`${url}/echo`, { body, method: "POST" });
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), body);
});

test("a response begins before the route has ended", async (t) => {
  let finish;
  const { url } = await routes(t, async (_, response) => {
    response.write("first");
    await new Promise((resolve) => {
      finish = resolve;
    });
    response.end("last");
  });
  const reader = (await fetch(`${url}/slow`)).body.getReader();
  assert.equal(Buffer.from((await reader.read()).value).toString(), "first");
  finish();
  assert.equal(Buffer.from((await reader.read()).value).toString(), "last");
  assert.equal((await reader.read()).done, true);
});

test("requests that no route answers get the check of the key and the 404", async (t) => {
  const { url } = await routes(t, async () => {}, { apiKey: "k" });
  assert.equal((await fetch(`${url}/unknown`)).status, 401);
  assert.equal((await fetch(`${url}/unknown`, { headers: { "x-api-key": "k" } })).status, 404);
  const messages = await fetch(`${url}/messages`, { headers: { "x-api-key": "k" }, method: "POST" });
  assert.equal(messages.status, 400);
  assert.equal(await messages.text(), "No sessionId");
});

test("MCP endpoints are not custom routes", async (t) => {
  const seen = [];
  const { url } = await routes(t, async ({ url }, response) => {
    seen.push(url);
    response.end();
  });
  assert.equal((await post(url, INITIALIZE)).status, 200);
  assert.equal(await (await fetch(`${url}/ping`)).text(), "pong");
  await fetch(`${url}/other`);
  assert.deepEqual(seen, ["/other"]);
});

test("a custom health route comes before the front's, which answers the rest", async (t) => {
  const { url } = await routes(t, async ({ url }, response) => {
    if (url === "/readyz") response.end("mine");
  });
  const get = async (path) => (await fetch(url + path)).text();
  assert.equal(await get("/readyz"), "mine");
  assert.equal(await get("/livez"), '{"live":true}');
  assert.equal(await get("/ping"), "pong");
});

test("a route that throws answers 500, or ends what it has begun", async (t) => {
  t.mock.method(console, "error", () => {});
  const { url } = await routes(t, async (request, response) => {
    if (request.url === "/late") response.write("begun");
    throw new Error("boom");
  });
  const early = await fetch(`${url}/early`);
  assert.equal(early.status, 500);
  assert.equal(await early.text(), "Error handling custom route");
  const late = await fetch(`${url}/late`);
  assert.equal(late.status, 200);
  assert.equal(await late.text(), "begun");
});

test("a route that destroys its response closes the connection", async (t) => {
  const { url } = await routes(t, async (_, response) => void response.destroy());
  await assert.rejects(fetch(`${url}/custom`));
  assert.equal((await fetch(`${url}/ping`)).status, 200);
});

test("a route learns that its client has gone", async (t) => {
  let closed = false;
  const { port, url } = await routes(t, async (_, response) => {
    response.on("close", () => {
      closed = true;
    });
    response.write("begun");
    await new Promise(() => {});
  });
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET /custom HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`);
  await once(socket, "data");
  socket.destroy();
  await until(() => closed);
});
