import assert from "node:assert/strict";
import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";

import { CALL, INITIALIZE, openSession, post, serve, serverV1, serverV2, until } from "./support.mjs";

const refused = [
  [() => null, "Unauthorized: Authentication failed"],
  [() => 0, "Unauthorized: Authentication failed"],
  [() => ({ authenticated: false }), "Unauthorized: Authentication failed"],
  [() => ({ authenticated: false, error: "no such user" }), "no such user"],
  [() => ({ authenticated: false, error: 7 }), "Unauthorized: Authentication failed"],
  [() => Promise.reject(new Error("expired")), "expired"],
  [() => new Proxy({}, { has: () => assert.fail("looked at") }), "looked at"],
  [() => Promise.reject("text"), "Unauthorized: Authentication error"],
];

for (const [authenticate, message] of refused) {
  test(`authenticate as ${authenticate} answers 401`, async (t) => {
    let created = 0;
    const oauth = { protectedResource: { resource: "https://r.example/a" }, realm: "here" };
    const { url } = await serve(t, { authenticate, createServer: async () => (created++, serverV2()), oauth });
    const { headers, messages, status } = await post(url, { ...INITIALIZE, id: "a" });
    assert.equal(status, 401);
    assert.deepEqual(messages[0], { error: { code: -32000, message }, id: "a", jsonrpc: "2.0" });
    assert.equal(
      headers.get("www-authenticate"),
      'Bearer realm="here", resource_metadata="https://r.example/.well-known/oauth-protected-resource/a", ' +
        `error="invalid_token", error_description="${message}"`,
    );
    assert.equal(created, 0);
  });
}

test("authenticate and createServer are given one IncomingMessage, and its auth reaches the handlers", async (t) => {
  const given = [];
  const { url } = await serve(t, {
    authenticate: async (request) => {
      given.push(request);
      request.auth = { clientId: request.headers["x-user"], scopes: [], token: "t" };
      return true;
    },
    createServer: async (request) => {
      given.push(request);
      return serverV1();
    },
  });
  const session = await openSession(url, { "x-user": "ann" });
  assert.equal(given.length, 2);
  assert.equal(given[0], given[1]);
  assert.ok(given[0] instanceof IncomingMessage);
  assert.equal(given[0].method, "POST");
  assert.equal(given[0].url, "/mcp");
  const { localAddress, localFamily, localPort, remoteAddress, remotePort } = given[0].socket;
  assert.deepEqual([localAddress, localFamily, remoteAddress], ["127.0.0.1", "IPv4", "127.0.0.1"]);
  assert.equal(localPort, Number(new URL(url).port));
  assert.ok(remotePort > 0 && remotePort !== localPort);
  const { messages } = await post(url, CALL, { headers: { ...session, "x-user": "bob" } });
  assert.equal(JSON.parse(messages[0].result.content[0].text).authInfo.clientId, "bob");
});

test("callbacks are given header names as they were spelled", async (t) => {
  const given = [];
  const { url } = await serve(t, {
    authenticate: async ({ rawHeaders }) => {
      given.push(rawHeaders);
      return true;
    },
    onUnhandledRequest: async ({ rawHeaders }, response) => {
      given.push(rawHeaders);
      response.end();
    },
  });
  const { hostname, port } = new URL(url);
  const body = JSON.stringify(INITIALIZE);
  const spelled = ["X-Mixed", "one", "x-MIXED", "two", "ACCEPT", "application/json, text/event-stream"];
  const socket = connect(Number(port), hostname);
  const ask = async (line, fields, content) => {
    const head = [line, `Host: ${hostname}`, "content-TYPE: application/json", `Content-length: ${content.length}`];
    for (let at = 0; at < fields.length; at += 2) head.push(`${fields[at]}: ${fields[at + 1]}`);
    socket.write(`${head.join("\r\n")}\r\n\r\n${content}`);
    await once(socket, "data");
  };
  // The same connection, with another spelling each time.
  await ask("POST /mcp HTTP/1.1", spelled, body);
  await until(() => given.length === 1);
  await ask("GET /custom HTTP/1.1", ["X-Mixed", "one", "aCCept", "*/*"], "");
  await until(() => given.length === 2);
  socket.destroy();
  const names = given.map((raw) => raw.filter((_, at) => at % 2 === 0));
  for (const name of ["Host", "content-TYPE", "Content-length", "X-Mixed", "x-MIXED", "ACCEPT"])
    assert.ok(names[0].includes(name), `${name} in ${names[0]}`);
  for (const name of ["Host", "X-Mixed", "aCCept"]) assert.ok(names[1].includes(name), `${name} in ${names[1]}`);
});

test("updateAuth is told who calls a session now, and may refuse because of missing scopes", async (t) => {
  const updates = [];
  const { url } = await serve(t, {
    authenticate: async ({ headers }) => ({ name: headers["x-user"] }),
    createServer: async () =>
      Object.assign(serverV2(), {
        updateAuth: (auth) => {
          updates.push(auth);
          if (auth.name !== "eve") return;
          const data = { error: "insufficient_scope", requiredScopes: ["read", "write"] };
          throw Object.assign(new Error("scope"), { data, name: "InsufficientScopeError" });
        },
      }),
    oauth: { protectedResource: { resource: "https://r.example" } },
  });
  const session = await openSession(url, { "x-user": "ann" });
  assert.deepEqual(updates, []);
  assert.equal((await post(url, CALL, { headers: { ...session, "x-user": "bob" } })).status, 200);
  const { headers, messages, status } = await post(url, CALL, { headers: { ...session, "x-user": "eve" } });
  assert.equal(status, 403);
  assert.match(headers.get("www-authenticate"), /^Bearer error="insufficient_scope", scope="read write", /);
  assert.deepEqual(messages[0].error, {
    code: -32001,
    data: { error: "insufficient_scope", required_scopes: ["read", "write"] },
    message: "Insufficient scope",
  });
  assert.deepEqual(updates, [{ name: "bob" }, { name: "eve" }]);
});

for (const name of ["subject", "sub", "userId", "user", "id"]) {
  test(`a session belongs to the ${name} that opened it`, async (t) => {
    const updates = [];
    const { url } = await serve(t, {
      authenticate: async ({ headers }) => ({ [name]: headers["x-user"], token: headers["x-token"] }),
      createServer: async () => Object.assign(serverV2(), { updateAuth: ({ token }) => updates.push(token) }),
    });
    const ann = { ...(await openSession(url, { "x-user": "ann" })), accept: "text/event-stream", "x-user": "ann" };
    const bob = { ...ann, "x-user": "bob" };
    const refused = await post(url, CALL, { headers: { ...bob, accept: undefined } });
    assert.equal(refused.status, 404);
    assert.equal(refused.messages[0].error.code, -32001);
    for (const method of ["GET", "DELETE"]) {
      assert.equal((await fetch(`${url}/mcp`, { headers: bob, method })).status, 404);
    }
    const { accept, ...own } = ann;
    assert.equal((await post(url, CALL, { headers: { ...own, "x-token": "refreshed" } })).status, 200);
    assert.deepEqual(updates, ["refreshed"], "the server sees only its own caller");
    assert.equal(accept, "text/event-stream");
  });
}

test("authenticate guards the endpoints of HTTP+SSE, and their sessions belong to callers", async (t) => {
  const { url } = await serve(t, {
    authenticate: async ({ headers }) => headers["x-user"] && { id: headers["x-user"] },
  });
  assert.equal((await fetch(`${url}/sse`)).status, 401);
  const stream = await fetch(`${url}/sse`, { headers: { "x-user": "ann" } });
  const reader = stream.body.getReader();
  let read = "";
  while (!read.includes("\n\n")) read += Buffer.from((await reader.read()).value);
  const endpoint = `${url}${/data: (.*)/.exec(read)[1]}`;
  const send = async (headers) => {
    const body = JSON.stringify(INITIALIZE);
    const init = { body, headers: { "content-type": "application/json", ...headers }, method: "POST" };
    const response = await fetch(endpoint, init);
    await response.text();
    return response.status;
  };
  assert.equal(await send({}), 401);
  assert.equal(await send({ "x-user": "bob" }), 400, "as a session that does not exist");
  assert.equal(await send({ "x-user": "ann" }), 202);
  await reader.cancel();
});

test("a session id is not a credential", async (t) => {
  const { url } = await serve(t, { authenticate: async ({ headers }) => headers.authorization === "Bearer good" });
  const session = await openSession(url, { authorization: "Bearer good" });
  const accept = "text/event-stream";
  for (const method of ["GET", "DELETE"]) {
    const bad = { ...session, accept, authorization: "Bearer bad" };
    const refusals = [bad, { accept }, { ...bad, "mcp-session-id": "unknown" }];
    for (const headers of refusals) assert.equal((await fetch(`${url}/mcp`, { headers, method })).status, 401);
  }
  assert.equal((await post(url, CALL, { headers: session })).status, 200);
  const unknown = { ...session, "mcp-session-id": "unknown" };
  assert.equal((await post(url, CALL, { headers: unknown })).status, 404);
});

test("requests without a session are refused by their kind", async (t) => {
  const { url } = await serve(t, { authenticate: async () => true });
  const { messages, status } = await post(url, CALL);
  assert.equal(status, 401);
  assert.equal(messages[0].id, 2);
  assert.equal(messages[0].error.message, "Unauthorized: No valid session ID provided");
  assert.equal((await post(url, "{")).status, 400);
});

test("an authenticate that never settles delays no other request", async (t) => {
  const { url } = await serve(t, {
    authenticate: ({ headers }) => (headers["x-wait"] ? new Promise(() => {}) : true),
  });
  const leaving = new AbortController();
  const waiting = post(url, INITIALIZE, { headers: { "x-wait": "1" }, signal: leaving.signal });
  assert.equal((await post(url, INITIALIZE)).status, 200);
  leaving.abort();
  await assert.rejects(waiting);
});

test("a key is required for everything but ping", async (t) => {
  const { url } = await serve(t, { apiKey: "k" });
  assert.equal((await post(url, INITIALIZE)).status, 401);
  assert.equal((await fetch(`${url}/unknown`)).status, 401);
  assert.equal((await fetch(`${url}/ping`)).status, 200);
  assert.equal((await post(url, INITIALIZE, { headers: { "x-api-key": "k" } })).status, 200);
});

test("cors.origin as a function is asked about each origin", async (t) => {
  t.mock.method(console, "error", () => {});
  const asked = [];
  const { url } = await serve(t, {
    cors: {
      origin: (origin) => {
        asked.push(origin);
        if (origin.includes("throws")) throw new Error("no idea");
        return origin.endsWith("good.example");
      },
    },
  });
  const allowed = async (origin) => (await fetch(`${url}/ping`, { headers: { origin } })).headers;
  const good = await allowed("https://good.example");
  assert.equal(good.get("access-control-allow-origin"), "https://good.example");
  const bad = await allowed("https://bad.example");
  assert.equal(bad.get("access-control-allow-origin"), null);
  assert.equal(bad.get("vary"), "Origin");
  assert.equal((await allowed("https://throws.example")).get("vary"), null);
  assert.deepEqual(asked, ["https://good.example", "https://bad.example", "https://throws.example"]);
});
