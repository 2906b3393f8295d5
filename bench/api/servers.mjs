// The echo server in JavaScript, made with either SDK, for `createServer`.
import { monitorEventLoopDelay } from "node:perf_hooks";

const identity = [{ name: "echo", version: "1.0.0" }, { capabilities: { tools: {} } }];

const tool = { inputSchema: { properties: { text: { type: "string" } }, type: "object" }, name: "echo" };

const RESOLUTION_MS = 1;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

/** How much later than wanted 99 of 100 timers ran since this was asked last, in ms. Watched from the first time on. */
const eventLoopDelay = () => {
  delays.enable();
  const delay = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
  delays.reset();
  return delay.toFixed(3);
};

const tools = {
  echo: ({ text }) => text,
  event_loop_delay: eventLoopDelay,
};

const answers = {
  "tools/call": ({ params }) => ({ content: [{ text: tools[params.name](params.arguments), type: "text" }] }),
  "tools/list": () => ({ tools: [tool] }),
};

const v1 = async () => {
  const { Server } = await import("@modelcontextprotocol/sdk/server/index.js");
  const types = await import("@modelcontextprotocol/sdk/types.js");
  return async () => {
    const server = new Server(...identity);
    server.setRequestHandler(types.CallToolRequestSchema, answers["tools/call"]);
    server.setRequestHandler(types.ListToolsRequestSchema, answers["tools/list"]);
    return server;
  };
};

const v2 = async () => {
  const { Server } = await import("@modelcontextprotocol/server");
  return async () => {
    const server = new Server(...identity);
    for (const [method, answer] of Object.entries(answers)) server.setRequestHandler(method, answer);
    return server;
  };
};

/** A function that makes a server with the `"v1"` or `"v2"` SDK. */
export const createServer = (sdk) => ({ v1, v2 })[sdk]();
