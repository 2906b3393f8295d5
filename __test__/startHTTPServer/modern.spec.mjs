// Revision 2026-07-28 with JavaScript servers: one server for each request.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { McpServer, Server } from "@modelcontextprotocol/server";

import { connectModern, counted, modernRequest as request, serve, serverV1, serverV2, until } from "./support.mjs";

/** A server with a changing list of tools and a resource for subscriptions. */
const changing = () => {
  const capabilities = { resources: { subscribe: true }, tools: { listChanged: true } };
  const server = new Server({ name: "changing", version: "1" }, { capabilities });
  server.setRequestHandler("tools/list", async () => ({ tools: [] }));
  return server;
};

test("a client calls a server, which sees the request and who is calling", async (t) => {
  const { url } = await serve(t, {
    authenticate: async (request) => {
      request.auth = { clientId: request.headers["x-user"], scopes: [], token: "t" };
      return true;
    },
  });
  const client = await connectModern(t, url, { headers: { "x-user": "ann" } });
  assert.equal(client.getServerVersion().name, "v2");
  const { content } = await client.callTool({ arguments: {}, name: "who" });
  const seen = JSON.parse(content[0].text);
  assert.equal(seen.path, "/mcp");
  assert.equal(seen.authInfo.clientId, "ann");
});

test("both eras are served side by side", async (t) => {
  const { url } = await serve(t);
  const modern = await connectModern(t, url);
  const legacy = new Client({ name: "test", version: "1" });
  await legacy.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
  for (const client of [modern, legacy]) {
    assert.equal((await client.callTool({ arguments: {}, name: "who" })).content.length, 1);
  }
  await legacy.close();
});

test("progress comes before the result, and a notification makes the response a stream", async (t) => {
  const { url } = await serve(t, {
    createServer: async () => {
      const server = new McpServer({ name: "steps", version: "1" });
      server.registerTool("steps", {}, async ({ mcpReq }) => {
        const { progressToken } = mcpReq._meta;
        for (const progress of [1, 2]) {
          await mcpReq.notify({ method: "notifications/progress", params: { progress, progressToken } });
        }
        return { content: [] };
      });
      return server;
    },
  });
  const client = await connectModern(t, url);
  const progress = [];
  await client.callTool({ arguments: {}, name: "steps" }, { onprogress: (one) => progress.push(one.progress) });
  assert.deepEqual(progress, [1, 2]);
});

test("every server is closed once, whatever the outcome of its request", async (t) => {
  t.mock.method(console, "error", () => {});
  const { counts, ...options } = counted(serverV2);
  const { url } = await serve(t, options);
  assert.equal((await request(url, "tools/list")).status, 200);
  assert.equal((await request(url, "no/such")).status, 404);
  assert.equal((await request(url, "tools/call", { params: { name: "no such" } })).status, 200);
  await until(() => counts.ended === 3);
  assert.deepEqual(counts, { closed: 3, created: 3, ended: 3 });
  // Refused before a server is created for it.
  assert.equal((await request(url, "tools/list", { headers: { "mcp-method": "other" } })).status, 400);
  assert.equal(counts.created, 3);
});

test("a client that leaves cancels, and its server is closed once", async (t) => {
  let aborted = false;
  const { counts, ...options } = counted(() => {
    const server = new McpServer({ name: "slow", version: "1" });
    server.registerTool("slow", {}, ({ mcpReq }) => {
      mcpReq.signal.addEventListener("abort", () => (aborted = true));
      leaving.abort();
      return new Promise(() => {});
    });
    return server;
  });
  const leaving = new AbortController();
  const { url } = await serve(t, options);
  await assert.rejects(request(url, "tools/call", { params: { arguments: {}, name: "slow" }, signal: leaving.signal }));
  await until(() => aborted && counts.ended === 1);
  assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
});

test("subscriptions get what they asked for until they end, and are ended once", async (t) => {
  const { counts, ...options } = counted(changing);
  const wanted = [];
  const server = await serve(t, {
    ...options,
    onListenSubscriptions: async (uris) => {
      wanted.push(...uris);
      return () => void wanted.pop();
    },
  });
  const client = await connectModern(t, server.url);
  const heard = [];
  client.setNotificationHandler("notifications/tools/list_changed", () => void heard.push("tools"));
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.push(params.uri));
  const subscription = await client.listen({ resourceSubscriptions: ["file:///a"], toolsListChanged: true });
  assert.deepEqual(wanted, ["file:///a"]);
  server.notify.promptsChanged();
  server.notify.resourceUpdated("file:///b");
  server.notify.toolsChanged();
  server.notify.resourceUpdated("file:///a");
  await until(() => heard.length === 2);
  assert.deepEqual(heard, ["tools", "file:///a"]);
  await subscription.close();
  await until(() => counts.ended === counts.created);
  assert.deepEqual(wanted, []);
  assert.equal(counts.closed, counts.created);
});

test("closing ends a subscription with its result", async (t) => {
  const server = await serve(t, { createServer: async () => changing() });
  const listening = await request(server.url, "subscriptions/listen", {
    params: { notifications: { toolsListChanged: true } },
  });
  const [body] = await Promise.all([listening.text(), server.close()]);
  assert.match(body, /notifications\/subscriptions\/acknowledged/);
  assert.match(body, /"resultType":"complete"/);
});

test("a subscription that can get nothing ends at once", async (t) => {
  const { url } = await serve(t);
  const filter = { notifications: { promptsListChanged: true } };
  const text = await (await request(url, "subscriptions/listen", { params: filter })).text();
  assert.match(text, /"notifications":\{\}/);
  assert.match(text, /"resultType":"complete"/);
});

const hook = (error) => async () => {
  throw error;
};
const failures = [
  ["onListenSubscriptions", hook(new Error("no")), 500],
  ["onConnect", hook(new Error("no")), 500],
  ["onConnect", hook(new Error("Unauthorized")), 401],
  ["onConnect", hook(new Response("tea", { status: 418 })), 418],
];

for (const [name, callback, status] of failures) {
  test(`${name} that throws answers ${status}, and the server is closed`, async (t) => {
    t.mock.method(console, "error", () => {});
    const { counts, ...options } = counted(changing);
    const { url } = await serve(t, { ...options, [name]: callback });
    const params = { notifications: { resourceSubscriptions: ["file:///a"] } };
    assert.equal((await request(url, "subscriptions/listen", { params })).status, status);
    assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
  });
}

test("mirrored parameters are checked against the tools that a client has listed", async (t) => {
  const { url } = await serve(t, {
    createServer: async () => {
      const server = new Server({ name: "mirrored", version: "1" }, { capabilities: { tools: {} } });
      const properties = { region: { type: "string", "x-mcp-header": "Region" } };
      const tools = [{ inputSchema: { properties, type: "object" }, name: "deploy" }];
      server.setRequestHandler("tools/list", async () => ({ tools }));
      server.setRequestHandler("tools/call", async () => ({ content: [] }));
      return server;
    },
  });
  const params = { arguments: { region: "eu" }, name: "deploy" };
  const statusWith = async (headers) => (await request(url, "tools/call", { headers, params })).status;
  assert.equal((await request(url, "tools/list")).status, 200);
  assert.equal(await statusWith({ "mcp-param-region": "eu" }), 200);
  assert.equal(await statusWith({ "mcp-param-region": "us" }), 400);
  assert.equal(await statusWith({}), 400);
  assert.equal(await statusWith({ authorization: "Bearer other" }), 200, "others were told of nothing");
});

test("updateAuth is told who calls, and may refuse because of missing scopes", async (t) => {
  const updates = [];
  const { url } = await serve(t, {
    authenticate: async ({ headers }) => ({ user: headers["x-user"] }),
    createServer: async () =>
      Object.assign(serverV2(), {
        updateAuth: (auth) => {
          updates.push(auth.user);
          if (auth.user !== "eve") return;
          const data = { error: "insufficient_scope", requiredScopes: ["read"] };
          throw Object.assign(new Error("scope"), { data, name: "InsufficientScopeError" });
        },
      }),
  });
  assert.equal((await request(url, "tools/list", { headers: { "x-user": "ann" } })).status, 200);
  assert.equal((await request(url, "tools/list", { headers: { "x-user": "eve" } })).status, 403);
  assert.deepEqual(updates, ["ann", "eve"]);
});

test("a v1 server is recognised, refused and closed", async (t) => {
  const { counts, ...options } = counted(() => serverV1());
  const { url } = await serve(t, { ...options, modern: "strict" });
  const response = await request(url, "tools/list");
  assert.equal(response.status, 400);
  const { error, id } = await response.json();
  assert.equal(id, 7);
  assert.equal(error.code, -32000);
  assert.match(error.message, /unsupported protocol version/i);
  assert.equal(error.data.reason, "server_missing_modern_protocol_support");
  assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
});

test("modern: false turns the revision off", async (t) => {
  const { url } = await serve(t, { modern: false });
  assert.equal((await request(url, "tools/list")).status, 400);
});
