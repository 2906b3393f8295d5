// One contestant: a server with the tool `echo`, in a process of its own that reports about itself.
//
//   node server.mjs PACKAGE v1|v2|child
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const [name, kind] = process.argv.slice(2);
const mcpProxy = await import(name === "ours" ? "../../index.js" : "mcp-proxy-original");

const ECHO = {
  description: "echo",
  inputSchema: { properties: { text: { type: "string" } }, type: "object" },
  name: "echo",
};
const answers = {
  "tools/call": ({ params }) => ({ content: [{ text: params.arguments.text, type: "text" }] }),
  "tools/list": () => ({ tools: [ECHO] }),
};
const identity = [{ name: "echo", version: "1.0.0" }, { capabilities: { tools: {} } }];

const serverV1 = async () => {
  const { Server } = await import("@modelcontextprotocol/sdk/server/index.js");
  const { CallToolRequestSchema, ListToolsRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
  const server = new Server(...identity);
  server.setRequestHandler(CallToolRequestSchema, answers["tools/call"]);
  server.setRequestHandler(ListToolsRequestSchema, answers["tools/list"]);
  return server;
};

const serverV2 = async () => {
  const { Server } = await import("@modelcontextprotocol/server");
  const server = new Server(...identity);
  for (const [method, answer] of Object.entries(answers)) server.setRequestHandler(method, answer);
  return server;
};

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
const child = join(target, "release/echo");

/** The same child behind the original: by an SDK client and `proxyServer`, as its command line has it. */
const proxied = async () => {
  const { Client } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const { Server } = await import("@modelcontextprotocol/server");
  const client = new Client({ name: "bench", version: "1.0.0" });
  await client.connect(new StdioClientTransport({ command: child }));
  const serverCapabilities = client.getServerCapabilities();
  return async () => {
    const server = new Server(client.getServerVersion(), { capabilities: serverCapabilities });
    await mcpProxy.proxyServer({ client, server, serverCapabilities });
    return server;
  };
};

const served = async () => {
  if (kind === "child") return name === "ours" ? { upstream: { command: child } } : { createServer: await proxied() };
  return { createServer: kind === "v1" ? serverV1 : serverV2 };
};

// The port is sent by the parent: the original does not tell which one it was given.
const [port] = await new Promise((resolve) => process.once("message", (message) => resolve([message.port])));
console.log = () => {};
await mcpProxy.startHTTPServer({ host: "127.0.0.1", port, ...(await served()) });

const delay = monitorEventLoopDelay({ resolution: 1 });
process.on("message", ({ ask }) => {
  if (ask === "reset") {
    delay.reset();
    delay.enable();
  }
  const { system, user } = process.cpuUsage();
  global.gc?.();
  const loop = { max: delay.max / 1e6, p99: delay.percentile(99) / 1e6 };
  process.send({ cpu: system + user, loop, rss: process.memoryUsage().rss });
});
process.on("disconnect", () => process.exit());
process.send({ listening: true });
