// Ends of an SDK connection that are not SDK objects: messages are seen and written as on the wire.
import { Client as ClientV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { Server as ServerV1 } from "@modelcontextprotocol/sdk/server/index.js";
import { Server as ServerV2 } from "@modelcontextprotocol/server";
import { proxyServer } from "mcp-proxy";

import { Journal } from "./journal.mjs";

const identity = { name: "everything", version: "1.0.0" };

/** The modules of each major version of the SDK. */
export const majors = {
  v1: { Client: ClientV1, Server: ServerV1 },
  v2: { Client: ClientV2, Server: ServerV2 },
};

export const everyCapability = {
  completions: {},
  logging: {},
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  tools: { listChanged: true },
};

/** A transport for an SDK, and the other end of it: `received` keeps the messages, `write` sends one. */
export const wire = () => {
  const received = new Journal();
  const transport = {
    close: async () => transport.onclose?.(),
    send: async (message) => received.push(JSON.parse(JSON.stringify(message))),
    start: async () => {},
  };
  const write = (message) => transport.onmessage({ jsonrpc: "2.0", ...message });
  const request = async (id, method, params) => {
    write({ id, method, ...(params && { params }) });
    return received.first((message) => message.id === id && !message.method, `the answer to ${method}`);
  };
  return { received, request, transport, write };
};

/** A client connected to an upstream that answers as `answers` says, by method; the test does the rest. */
export const connectUpstream = async (major, answers = {}, capabilities = everyCapability) => {
  const upstream = wire();
  const greeting = { capabilities, protocolVersion: "2025-06-18", serverInfo: identity };
  const results = { initialize: () => ({ result: greeting }), ...answers };
  const { send } = upstream.transport;
  upstream.transport.send = async (message) => {
    await send(message);
    const answer = message.id !== undefined && results[message.method]?.(message, upstream.write);
    if (answer) queueMicrotask(() => upstream.write({ id: message.id, ...answer }));
  };
  const client = new majors[major].Client({ name: "proxy", version: "1.0.0" }, { capabilities: {} });
  await client.connect(upstream.transport);
  return { client, upstream };
};

/** A proxying server of that major version in front of `client`, and the wire to it, after the handshake. */
export const connectDownstream = async (major, client, options = {}) => {
  const downstream = wire();
  const { serverCapabilities = everyCapability } = options;
  const server = new majors[major].Server(identity, { capabilities: serverCapabilities });
  await proxyServer({ client, server, serverCapabilities, ...options });
  await server.connect(downstream.transport);
  const clientInfo = { name: "test", version: "1.0.0" };
  await downstream.request("hello", "initialize", { capabilities: {}, clientInfo, protocolVersion: "2025-06-18" });
  downstream.write({ method: "notifications/initialized" });
  return { downstream, server };
};
