// Servers of both SDKs, and requests as bytes rather than with an SDK.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { McpServer as McpServerV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { McpServer } from "@modelcontextprotocol/server";

import { startHTTPServer } from "../../index.js";

const text = (words) => ({ content: [{ type: "text", text: JSON.stringify(words) }] });

/** A server with the tool `who`, which reports how its call arrived. */
export const serverV2 = () => {
  const server = new McpServer({ name: "v2", version: "1.0.0" });
  server.registerTool("who", { description: "who" }, async (context) =>
    text({ authInfo: context.http?.authInfo, path: context.http?.req && new URL(context.http.req.url).pathname }),
  );
  return server;
};

export const serverV1 = () => {
  const server = new McpServerV1({ name: "v1", version: "1.0.0" });
  server.tool("who", "who", async (extra) =>
    text({ agent: extra.requestInfo?.headers["user-agent"], authInfo: extra.authInfo, sessionId: extra.sessionId }),
  );
  return server;
};

/** Starts a server on a free port, which ends with the test. */
export const serve = async (t, options) => {
  const server = await startHTTPServer({
    createServer: async () => serverV2(),
    host: "127.0.0.1",
    port: 0,
    ...options,
  });
  t.after(() => server.close());
  return { ...server, url: `http://127.0.0.1:${server.port}` };
};

const HEADERS = { accept: "application/json, text/event-stream", "content-type": "application/json" };

export const INITIALIZE = {
  id: 1,
  jsonrpc: "2.0",
  method: "initialize",
  params: { capabilities: {}, clientInfo: { name: "test", version: "1" }, protocolVersion: "2025-06-18" },
};

export const CALL = { id: 2, jsonrpc: "2.0", method: "tools/call", params: { arguments: {}, name: "who" } };

/** Posts a message; the answer's status, headers, and the messages in its body. */
export const post = async (url, message, { headers, ...init } = {}) => {
  const body = typeof message === "string" ? message : JSON.stringify(message);
  const response = await fetch(`${url}/mcp`, { body, headers: { ...HEADERS, ...headers }, method: "POST", ...init });
  const content = await response.text();
  return { body: content, headers: response.headers, messages: messagesOf(content), status: response.status };
};

const messagesOf = (content) =>
  content
    .split("\n")
    .flatMap((line) => (line.startsWith("data: {") ? [line.slice(6)] : line.startsWith("{") ? [line] : []))
    .map((line) => JSON.parse(line));

/** Opens a session; returns what its further requests must carry. */
export const openSession = async (url, headers = {}) => {
  const { headers: answered, status } = await post(url, INITIALIZE, { headers });
  if (status !== 200) throw new Error(`initialize was answered with ${status}`);
  return { ...headers, "mcp-session-id": answered.get("mcp-session-id") };
};

/** Waits until `condition` holds, for events that nothing announces. */
export const until = async (condition) => {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("it did not happen in 5 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const MODERN = "2026-07-28";

/** A client of revision 2026-07-28, which ends with the test. */
export const connectModern = async (t, url, { capabilities, headers } = {}) => {
  const options = { capabilities, versionNegotiation: { mode: { pin: MODERN } } };
  const client = new Client({ name: "test", version: "1" }, options);
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }));
  t.after(() => client.close());
  return client;
};

/** Posts a request of that revision; with `id: null` a notification. */
export const modernRequest = (url, method, { clientCapabilities = {}, headers, id = 7, meta, params, signal } = {}) => {
  const envelope = { clientCapabilities, clientInfo: { name: "t", version: "1" }, protocolVersion: MODERN };
  const keyed = Object.entries(envelope).map(([key, value]) => [`io.modelcontextprotocol/${key}`, value]);
  const message = { ...(id && { id }), jsonrpc: "2.0", method };
  return fetch(`${url}/mcp`, {
    body: JSON.stringify({ ...message, params: { ...params, _meta: { ...Object.fromEntries(keyed), ...meta } } }),
    headers: {
      ...HEADERS,
      "mcp-method": method,
      "mcp-protocol-version": MODERN,
      ...(params?.name && { "mcp-name": params.name }),
      ...headers,
    },
    method: "POST",
    signal,
  });
};

/** Counts what happens to the servers that `make` creates. */
export const counted = (make) => {
  const counts = { closed: 0, created: 0, ended: 0 };
  const createServer = async () => {
    const server = make();
    const close = server.close.bind(server);
    server.close = async () => {
      counts.closed++;
      await close();
    };
    counts.created++;
    return server;
  };
  return { counts, createServer, onClose: async () => void counts.ended++ };
};
