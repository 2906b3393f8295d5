import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { CALL, INITIALIZE, openSession, post, serve, serverV1, serverV2, until } from "./support.mjs";

const transports = {
  "HTTP+SSE": (url) => new SSEClientTransport(new URL(`${url}/sse`)),
  "Streamable HTTP": (url) => new StreamableHTTPClientTransport(new URL(`${url}/mcp`)),
};

for (const [sdk, createServer] of Object.entries({ v1: serverV1, v2: serverV2 })) {
  for (const [name, transportTo] of Object.entries(transports)) {
    test(`a client calls a ${sdk} server over ${name}`, async (t) => {
      const { url } = await serve(t, { createServer: async () => createServer() });
      const client = new Client({ name: "test", version: "1" });
      await client.connect(transportTo(url));
      assert.equal(client.getServerVersion().name, sdk);
      const { content } = await client.callTool({ name: "who", arguments: {} });
      assert.equal(typeof JSON.parse(content[0].text), "object");
      await client.close();
    });
  }
}

test("a v1 server sees the headers and the session of a call", async (t) => {
  const { url } = await serve(t, { createServer: async () => serverV1() });
  const session = await openSession(url, { "user-agent": "spec" });
  const { messages } = await post(url, CALL, { headers: session });
  const seen = JSON.parse(messages[0].result.content[0].text);
  assert.deepEqual(seen, { agent: "spec", sessionId: session["mcp-session-id"] });
});

test("a v2 server sees the request of a call", async (t) => {
  const { url } = await serve(t);
  const { messages } = await post(url, CALL, { headers: await openSession(url) });
  assert.equal(JSON.parse(messages[0].result.content[0].text).path, "/mcp");
});

test("stateless requests have a server each, closed once with the response", async (t) => {
  const closed = [];
  const created = [];
  const { url } = await serve(t, {
    createServer: async () => {
      const server = serverV2();
      created.push(server);
      return server;
    },
    onClose: async (server) => void closed.push(server),
    stateless: true,
  });
  const { headers, messages, status } = await post(url, CALL);
  assert.equal(status, 200);
  assert.equal(messages[0].id, 2);
  assert.equal(headers.get("mcp-session-id"), null);
  await until(() => closed.length === 1);
  assert.deepEqual(closed, created);
});

test("JSON mode answers with JSON", async (t) => {
  const { url } = await serve(t, { enableJsonResponse: true });
  const { body, headers } = await post(url, INITIALIZE);
  assert.equal(headers.get("content-type"), "application/json; charset=utf-8");
  assert.equal(JSON.parse(body).id, 1);
});

test("ids come back as they were sent", async (t) => {
  const { url } = await serve(t);
  const session = await openSession(url);
  for (const id of ["1.0", '"1"', "0"]) {
    const { body } = await post(url, `{"jsonrpc":"2.0","id":${id},"method":"ping"}`, { headers: session });
    assert.match(body, new RegExp(`"id":${id}[,}]`));
  }
});

test("progress of a call comes before its result on the same response", async (t) => {
  const { url } = await serve(t, {
    createServer: async () => {
      const server = serverV1();
      server.tool("steps", "steps", async ({ _meta, sendNotification }) => {
        for (const progress of [1, 2, 3]) {
          const params = { progress, progressToken: _meta.progressToken };
          await sendNotification({ method: "notifications/progress", params });
        }
        return { content: [] };
      });
      return server;
    },
  });
  const params = { _meta: { progressToken: "t" }, arguments: {}, name: "steps" };
  const { messages } = await post(url, { ...CALL, params }, { headers: await openSession(url) });
  assert.deepEqual(
    messages.map(({ id, params }) => params?.progress ?? id),
    [1, 2, 3, 2],
  );
});

test("a server asks its client on the standalone stream, and gets the answer", async (t) => {
  const { url } = await serve(t, {
    createServer: async () => {
      const server = serverV1();
      server.tool("roots", "roots", async () => {
        const { roots } = await server.server.listRoots();
        return { content: [{ type: "text", text: roots[0].uri }] };
      });
      return server;
    },
  });
  const client = new Client({ name: "test", version: "1" }, { capabilities: { roots: {} } });
  const { ListRootsRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
  client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [{ uri: "file:///a" }] }));
  await client.connect(transports["Streamable HTTP"](url));
  const { content } = await client.callTool({ name: "roots", arguments: {} });
  assert.equal(content[0].text, "file:///a");
  await client.close();
});

test("hundreds of calls at once are all answered", async (t) => {
  const { url } = await serve(t);
  const session = await openSession(url);
  const ids = Array.from({ length: 600 }, (_, index) => index + 10);
  const answers = await Promise.all(ids.map((id) => post(url, { ...CALL, id }, { headers: session })));
  assert.deepEqual(
    answers.map(({ messages }) => messages[0].id),
    ids,
  );
});

test("a server says which revisions it supports", async (t) => {
  const { McpServer } = await import("@modelcontextprotocol/server");
  const supportedProtocolVersions = ["2025-06-18", "2025-03-26"];
  const { url } = await serve(t, {
    createServer: async () => new McpServer({ name: "v2", version: "1" }, { supportedProtocolVersions }),
  });
  const session = await openSession(url);
  const ping = (version) =>
    post(url, { ...CALL, method: "ping" }, { headers: { ...session, "mcp-protocol-version": version } });
  assert.equal((await ping("2025-03-26")).status, 200);
  const { body, status } = await ping("2025-11-25");
  assert.equal(status, 400);
  assert.match(body, /supported versions: 2025-06-18, 2025-03-26\)/);
});

test("one large message arrives per turn of the event loop", async (t) => {
  let turn = 0;
  const turns = [];
  const { url } = await serve(t, {
    createServer: async () => {
      const server = serverV1();
      server.server.fallbackRequestHandler = async () => {
        turns.push(turn);
        setImmediate(() => turn++);
        return {};
      };
      return server;
    },
  });
  const session = await openSession(url);
  const params = { text: "x".repeat(300_000) };
  const ids = Array.from({ length: 20 }, (_, index) => index + 10);
  const answers = await Promise.all(
    ids.map((id) => post(url, { id, jsonrpc: "2.0", method: "large", params }, { headers: session })),
  );
  assert.deepEqual(
    answers.map(({ messages }) => messages[0].id),
    ids,
  );
  assert.equal(new Set(turns).size, ids.length);
});

test("close ends sessions, and a second close resolves", async (t) => {
  let closed = 0;
  const server = await serve(t, { onClose: async () => void closed++ });
  const session = await openSession(server.url);
  const stream = await fetch(`${server.url}/mcp`, { headers: { accept: "text/event-stream", ...session } });
  await server.close();
  assert.equal(await stream.text(), "");
  assert.equal(closed, 1);
  await server.close();
  await assert.rejects(fetch(`${server.url}/ping`));
});

test("close resolves although onClose never does", async (t) => {
  const server = await serve(t, { onClose: () => new Promise(() => {}) });
  await openSession(server.url);
  await server.close();
});

test("the process runs while it listens and ends after close", async () => {
  const entry = fileURLToPath(new URL("../../index.js", import.meta.url));
  const program = `
    const { startHTTPServer } = require(${JSON.stringify(entry)});
    startHTTPServer({ createServer: async () => {}, host: "127.0.0.1", port: 0 }).then(({ close, port }) => {
      require("node:http").get({ path: "/ping", port }, (response) => {
        response.resume().on("end", () => close().then(() => console.log(response.statusCode)));
      });
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", program], { timeout: 20_000 });
  assert.equal(stdout, "200\n");
});
