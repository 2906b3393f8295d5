// 2026-07-28 requests to servers of the v1 SDK, which does not support it: they are translated.
import assert from "node:assert/strict";
import { test } from "node:test";

import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { ElicitResultSchema, SubscribeRequestSchema } from "@modelcontextprotocol/sdk/types.js";

import { connectModern, counted, modernRequest, serve, serverV1, until } from "./support.mjs";

/** The text of an answer with one text. */
const wordsOf = ({ content }) => JSON.parse(content[0].text);

const say = (words) => ({ content: [{ text: JSON.stringify(words), type: "text" }] });

const QUESTION = { properties: { name: { type: "string" } }, type: "object" };

/** A server with tools that ask for one name or two, on the request's own stream or on the server's. */
const asking = (ask) => () => {
  const server = new McpServer({ name: "asking", version: "1" });
  server.tool("greet", async (extra) => say([await ask(server.server, extra)]));
  server.tool("greet two", async (extra) => say([await ask(server.server, extra), await ask(server.server, extra)]));
  return server;
};

const elicitation = { message: "Who?", mode: "form", requestedSchema: QUESTION };
const asks = {
  "in the stream of the call": async (_, { sendRequest }) =>
    sendRequest({ method: "elicitation/create", params: elicitation }, ElicitResultSchema),
  "by the server": (server) => server.elicitInput(elicitation),
};

const FORMS = { capabilities: { elicitation: { form: {} } } };
const GREET = { arguments: {}, name: "greet" };

/** The answer to a call, and what must be sent back. */
const asked = async (url, init) => {
  const answer = await modernRequest(url, "tools/call", { clientCapabilities: { elicitation: {} }, ...init });
  assert.equal(answer.status, 200);
  const { result } = await answer.json();
  assert.equal(result.resultType, "input_required");
  return result;
};

const bring = (requestState, content = { name: "ann" }) => ({
  clientCapabilities: { elicitation: {} },
  params: { ...GREET, inputResponses: { r1: { action: "accept", content } }, requestState },
});

test("a client calls a server, which sees the request and who is calling", async (t) => {
  const { url } = await serve(t, {
    authenticate: async (request) => {
      request.auth = { clientId: request.headers["x-user"], scopes: [], token: "t" };
      return true;
    },
    createServer: async () => serverV1(),
  });
  const client = await connectModern(t, url, { headers: { "user-agent": "tester", "x-user": "ann" } });
  assert.equal(client.getServerVersion().name, "v1");
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ execution, name }) => [name, execution]),
    [["who", undefined]],
  );
  const seen = wordsOf(await client.callTool({ arguments: {}, name: "who" }));
  assert.equal(seen.agent, "tester");
  assert.equal(seen.authInfo.clientId, "ann");
  assert.equal(seen.sessionId, undefined);
});

test("results and errors are those of the revision", async (t) => {
  const { counts, ...options } = counted(() => serverV1());
  const { url } = await serve(t, options);
  const listed = await (await modernRequest(url, "tools/list")).json();
  assert.equal(listed.result.resultType, "complete");
  assert.equal(listed.result.ttlMs, 0);
  assert.equal(listed.result._meta["io.modelcontextprotocol/serverInfo"].name, "v1");
  const discovered = await (await modernRequest(url, "server/discover")).json();
  assert.deepEqual(discovered.result.supportedVersions, ["2026-07-28"]);
  const unknown = await modernRequest(url, "no/such");
  assert.equal(unknown.status, 404);
  assert.equal((await unknown.json()).error.code, -32601);
  assert.equal((await modernRequest(url, "ping")).status, 404);
  await until(() => counts.ended === 4);
  assert.deepEqual(counts, { closed: 4, created: 4, ended: 4 });
});

test("progress and requested log messages come before the result", async (t) => {
  const { url } = await serve(t, {
    createServer: async () => {
      const server = new McpServer({ name: "steps", version: "1" }, { capabilities: { logging: {} } });
      server.tool("steps", async ({ _meta, sendNotification }) => {
        const { progressToken } = _meta;
        for (const [level, progress] of [
          ["debug", 1],
          ["error", 2],
        ]) {
          await sendNotification({ method: "notifications/progress", params: { progress, progressToken } });
          await sendNotification({ method: "notifications/message", params: { data: progress, level } });
        }
        return { content: [] };
      });
      return server;
    },
  });
  const answer = await modernRequest(url, "tools/call", {
    meta: { "io.modelcontextprotocol/logLevel": "error", progressToken: "p" },
    params: { arguments: {}, name: "steps" },
  });
  const messages = [...(await answer.text()).matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data));
  assert.deepEqual(
    messages.map(({ params, result }) => params?.progress ?? params?.data ?? result.resultType),
    [1, 2, 2, "complete"],
  );
  assert.equal(messages[0].params.progressToken, "p");
});

for (const [how, ask] of Object.entries(asks)) {
  test(`what a server asks ${how} is asked of the client, once for each call`, async (t) => {
    const { counts, ...options } = counted(asking(ask));
    const { url } = await serve(t, options);
    const client = await connectModern(t, url, FORMS);
    const names = ["ann", "bob"];
    client.setRequestHandler("elicitation/create", async ({ params }) => {
      assert.equal(params.message, "Who?");
      return { action: "accept", content: { name: names.shift() } };
    });
    const answers = wordsOf(await client.callTool({ arguments: {}, name: "greet two" }));
    assert.deepEqual(
      answers.map(({ content }) => content.name),
      ["ann", "bob"],
    );
    await until(() => counts.ended === counts.created);
    assert.equal(counts.closed, counts.created);
    // One for the client's request when it connects, one for the call with all its rounds.
    assert.equal(counts.created, 2);
  });
}

test("a state is valid once, and only for the server that made it", async (t) => {
  const { counts, ...options } = counted(asking(asks["by the server"]));
  const { url } = await serve(t, options);
  const { requestState } = await asked(url, { params: GREET });
  const stranger = await modernRequest(url, "tools/call", { ...bring(requestState), headers: { authorization: "x" } });
  assert.equal((await stranger.json()).error.code, -32602);
  assert.equal(counts.created, 1, "a held call has its server");
  const answer = await modernRequest(url, "tools/call", bring(requestState));
  assert.equal(wordsOf((await answer.json()).result)[0].content.name, "ann");
  const again = await modernRequest(url, "tools/call", bring(requestState));
  assert.equal((await again.json()).error.code, -32602);
  await until(() => counts.ended === 2);
  assert.deepEqual(counts, { closed: 2, created: 2, ended: 2 });
});

test("a client that cannot be asked is told so", async (t) => {
  const { counts, ...options } = counted(asking(asks["in the stream of the call"]));
  const { url } = await serve(t, options);
  const { error } = await (await modernRequest(url, "tools/call", { params: GREET })).json();
  assert.equal(error.code, -32021);
  assert.deepEqual(error.data.requiredCapabilities, { elicitation: {} });
  await until(() => counts.ended === 1);
});

test("a client that leaves cancels, and its server is closed once", async (t) => {
  let aborted = false;
  const leaving = new AbortController();
  const { counts, ...options } = counted(() => {
    const server = new McpServer({ name: "slow", version: "1" });
    server.tool("slow", ({ signal }) => {
      signal.addEventListener("abort", () => (aborted = true));
      leaving.abort();
      return new Promise(() => {});
    });
    return server;
  });
  const { url } = await serve(t, options);
  const call = { params: { arguments: {}, name: "slow" }, signal: leaving.signal };
  await assert.rejects(modernRequest(url, "tools/call", call));
  await until(() => aborted && counts.ended === 1);
  assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
});

test("closing ends a call that waits for its client's answer", async (t) => {
  const { counts, ...options } = counted(asking(asks["by the server"]));
  const server = await serve(t, options);
  await asked(server.url, { params: GREET });
  assert.deepEqual(counts, { closed: 0, created: 1, ended: 0 });
  await server.close();
  assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
});

test("a server that disconnects during a call fails it", async (t) => {
  const { counts, ...options } = counted(() => {
    const server = new McpServer({ name: "gone", version: "1" });
    server.tool("go", async () => {
      await server.server.transport.close();
      return new Promise(() => {});
    });
    return server;
  });
  const { url } = await serve(t, options);
  const answer = await modernRequest(url, "tools/call", { params: { arguments: {}, name: "go" } });
  assert.equal((await answer.json()).error.code, -32603);
  await until(() => counts.ended === 1);
});

/** A server with a changing list of tools, and resources for subscriptions. */
const changing = (subscribed) => {
  const server = new McpServer(
    { name: "changing", version: "1" },
    { capabilities: { resources: { subscribe: true } } },
  );
  server.tool("add", async () => say("nothing"));
  server.server.setRequestHandler(SubscribeRequestSchema, async ({ params }) => {
    if (params.uri === "file:///no") throw new Error("no");
    subscribed.push(params.uri);
    return {};
  });
  return server;
};

test("subscriptions hear their server and `notify`, each once, until they end", async (t) => {
  const [subscribed, wanted, servers] = [[], [], []];
  const { counts, ...options } = counted(() => changing(subscribed));
  const server = await serve(t, {
    ...options,
    onConnect: async (connected) => void servers.push(connected),
    onListenSubscriptions: async (uris) => {
      wanted.push(...uris);
      return () => void wanted.splice(0);
    },
  });
  const client = await connectModern(t, server.url);
  const heard = [];
  client.setNotificationHandler("notifications/tools/list_changed", () => void heard.push("tools"));
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.push(params.uri));
  const subscription = await client.listen({
    resourceSubscriptions: ["file:///a", "file:///no", "file:///b"],
    toolsListChanged: true,
  });
  assert.deepEqual(subscribed, ["file:///a", "file:///b"]);
  assert.deepEqual([...wanted].sort(), ["file:///a", "file:///b", "file:///no"]);
  server.notify.resourceUpdated("file:///no");
  server.notify.toolsChanged();
  await servers.at(-1).server.sendResourceUpdated({ uri: "file:///b" });
  server.notify.resourceUpdated("file:///a");
  await until(() => heard.length === 3);
  assert.deepEqual(heard, ["tools", "file:///b", "file:///a"]);
  await subscription.close();
  await until(() => counts.ended === counts.created);
  assert.deepEqual(wanted, []);
  assert.equal(counts.closed, counts.created);
});

test("closing ends a subscription with its result", async (t) => {
  const { counts, ...options } = counted(() => changing([]));
  const server = await serve(t, options);
  const params = { notifications: { toolsListChanged: true } };
  const listening = await modernRequest(server.url, "subscriptions/listen", { params });
  const [body] = await Promise.all([listening.text(), server.close()]);
  assert.match(body, /notifications\/subscriptions\/acknowledged/);
  assert.match(body, /"resultType":"complete"/);
  assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
});

const refusing = (error) => async () => {
  throw error;
};
const failures = [
  ["onListenSubscriptions", { onListenSubscriptions: refusing(new Error("no")) }, 500],
  ["onConnect", { onConnect: refusing(new Response("tea", { status: 418 })) }, 418],
  ["updateAuth", { authenticate: async () => ({}), updateAuth: refusing(new Error("Unauthorized")) }, 401],
  ["connect", { connect: refusing(new Error("no")) }, 500],
];

for (const [name, { connect, updateAuth, ...hooks }, status] of failures) {
  test(`${name} that throws answers ${status}, and the server is closed`, async (t) => {
    t.mock.method(console, "error", () => {});
    const { counts, ...options } = counted(() =>
      Object.assign(changing([]), { ...(connect && { connect }), ...(updateAuth && { updateAuth }) }),
    );
    const { url } = await serve(t, { ...options, ...hooks });
    const params = { notifications: { resourceSubscriptions: ["file:///a"] } };
    assert.equal((await modernRequest(url, "subscriptions/listen", { params })).status, status);
    assert.deepEqual(counts, { closed: 1, created: 1, ended: 1 });
  });
}

test("a notification gets a server for itself", async (t) => {
  const heard = [];
  const { counts, ...options } = counted(() => {
    const server = serverV1();
    server.server.fallbackNotificationHandler = async ({ method }) => void heard.push(method);
    return server;
  });
  const { url } = await serve(t, options);
  assert.equal((await modernRequest(url, "notifications/custom", { id: null })).status, 202);
  await until(() => counts.ended === 1);
  assert.deepEqual(heard, ["notifications/custom"]);
});
