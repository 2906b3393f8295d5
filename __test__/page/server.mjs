// A server with a tool of each kind that the page shows.
import { createInterface } from "node:readline";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const text = (it) => ({ content: [{ text: it, type: "text" }] });
const hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u001b[31m\u202e';

const write = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const asked = new Map();
let next = 1;
let release;

const ask = (method, params) =>
  new Promise((done) => {
    const id = `q${next++}`;
    asked.set(id, done);
    write({ id, method, params });
  });

const string = { type: "string" };
const tools = [
  {
    description: "Says it again",
    inputSchema: { properties: { text: string }, required: ["text"], type: "object" },
    name: "echo",
  },
  { inputSchema: { properties: { a: { type: "number" }, b: { type: "number" } }, type: "object" }, name: "add" },
  { inputSchema: { type: "object" }, name: "fail" },
  { inputSchema: { type: "object" }, name: "picture" },
  { inputSchema: { type: "object" }, name: "hostile" },
  { inputSchema: { type: "object" }, name: "large" },
  { inputSchema: { type: "object" }, name: "huge" },
  { description: "Waits for a call of release", inputSchema: { type: "object" }, name: "hold" },
  { inputSchema: { type: "object" }, name: "release" },
  { inputSchema: { type: "object" }, name: "ask" },
];

const call = {
  add: ({ a, b }) => text(String(a + b)),
  ask: async () => {
    const requestedSchema = { properties: { color: string }, type: "object" };
    const answer = await ask("elicitation/create", { message: "Which color?", requestedSchema });
    return text(`answer: ${JSON.stringify(answer)}`);
  },
  echo: ({ text: it }) => text(it),
  fail: () => ({ ...text("it is broken"), isError: true }),
  hostile: () => text(hostile),
  huge: () => text("x".repeat(100_000_000)),
  large: () => text("x".repeat(300_000)),
  picture: () => ({ content: [{ data: PIXEL, mimeType: "image/png", type: "image" }] }),
  hold: () => new Promise((done) => (release = () => done(text("it was released")))),
  release: () => {
    release();
    return text("done");
  },
};

const methods = {
  initialize: ({ protocolVersion }) => ({
    capabilities: { tools: {} },
    protocolVersion,
    serverInfo: { name: "page-server", version: "1.0.0" },
  }),
  "tools/call": ({ arguments: args, name }) => call[name](args ?? {}),
  "tools/list": () => ({ tools }),
};

process.stderr.write("the server of the page's tests is up\n");
createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, method, params, result } = JSON.parse(line);
  if (method === undefined) return asked.get(id)?.(result);
  if (id === undefined) return undefined;
  const answer = methods[method];
  if (!answer) return write({ error: { code: -32601, message: `Method not found: ${method}` }, id });
  return write({ id, result: await answer(params ?? {}) });
});
