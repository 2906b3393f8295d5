// `node broken.mjs MODE`: a small MCP server over stdio with one fault. The doctor must find that fault, and nothing
// else; see doctor.spec.mjs.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

const mode = process.argv[2] ?? "healthy";
const is = (...modes) => modes.includes(mode);

const tool = (changes = {}) => ({
  name: "echo",
  description: "Says it again.",
  inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
  ...changes,
});
const parameter = (schema) => [tool({ inputSchema: { type: "object", properties: { a: schema } } })];

/** What the server lists, by mode. */
const tools = {
  "dotted-name": [tool({ name: "files.read (all)" })],
  "long-name": [tool({ name: "x".repeat(70) })],
  "same-name": [tool(), tool()],
  "no-name": [tool({ name: "" })],
  "no-description": [tool({ description: "" })],
  "long-description": [tool({ description: "very ".repeat(4000) })],
  "hidden-text": [tool({ description: "Says it.\u{200b}\u{202e}" })],
  "no-schema": [tool({ inputSchema: undefined })],
  "bad-schema": parameter({ type: "str" }),
  "any-of": [tool({ inputSchema: { type: "object", anyOf: [{ required: ["a"] }] } })],
  "array-without-items": parameter({ type: "array" }),
  "remote-reference": parameter({ $ref: "https://example.com/schema.json" }),
  "not-an-object": [tool({ inputSchema: { type: "string" } })],
  "bad-parameter": [tool({ inputSchema: { type: "object", properties: { "a b": { type: "string" } } } })],
  "too-many-tools": Array.from({ length: 130 }, (_, index) => tool({ name: `echo-${index}` })),
  nothing: [],
}[mode] ?? [tool()];

const capabilities = is("undeclared")
  ? { prompts: {} }
  : is("bad-uri", "unreadable")
    ? { tools: {}, resources: {} }
    : { tools: {} };

const resources = [{ uri: is("bad-uri") ? "/no/scheme" : "test://a", name: "a" }];

/** One message, in the form of this mode. */
const send = (message) => {
  if (is("wrong-id") && message.id !== undefined) message.id = String(message.id);
  if (is("no-jsonrpc")) delete message.jsonrpc;
  const text = JSON.stringify(message);
  const write = (data) => process.stdout.write(data);
  if (is("content-length")) write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  else if (is("indented")) write(`${JSON.stringify(message, null, 2)}\n`);
  else if (is("utf-16")) write(Buffer.from(`\u{feff}${text}\n`, "utf16le"));
  else if (is("no-line-end")) write(text);
  else if (is("carriage-returns")) write(`${text}\r\n`);
  else write(`${text}\n`);
};

const answer = (id, result) => send({ jsonrpc: "2.0", id, result });
const refuse = (id, message, code = -32603) => send({ jsonrpc: "2.0", id, error: { code, message } });

const initialize = (id, params) => {
  if (is("refuses")) return refuse(id, "not today");
  const protocolVersion = { "no-version": undefined, "future-version": "2031-01-01" }[mode];
  const known = is("no-version", "future-version") ? protocolVersion : params.protocolVersion;
  return answer(id, { protocolVersion: known, capabilities, serverInfo: { name: "broken", version: "1.0.0" } });
};

const list = (id, params) => {
  if (is("list-fails")) return refuse(id, "the database is not there");
  if (is("list-silent")) return undefined;
  return answer(id, { tools, nextCursor: is("endless-pages") ? (params?.cursor ?? "again") : undefined });
};

const methods = {
  initialize,
  ping: (id) => (is("no-ping") ? refuse(id, "Method not found", -32601) : answer(id, {})),
  "tools/list": list,
  "prompts/list": (id) => answer(id, { prompts: [] }),
  "resources/list": (id) => answer(id, { resources }),
  "resources/read": (id, { uri }) =>
    is("unreadable") ? refuse(id, "gone") : answer(id, { contents: [{ uri, text: "a" }] }),
  "notifications/initialized": () => {
    if (is("asks-for-roots")) send({ jsonrpc: "2.0", id: 1, method: "roots/list" });
    if (is("noisy-calls")) console.log("a client has come");
  },
};

const unknown = (id) => {
  if (id === undefined) return;
  if (is("unknown-kills")) process.exit(1);
  if (is("modern-kills", "unknown-ignored")) return;
  refuse(id, "Method not found", -32601);
};

const serve = () => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const { id, method, params } = JSON.parse(line);
    if (method === "server/discover" && is("modern-kills")) process.exit(1);
    const known = methods[method];
    if (known) known(id, params);
    else if (method) unknown(id);
  });
  lines.on("close", () => {
    if (is("stays")) setInterval(() => {}, 1000);
    else if (is("bad-exit")) process.exit(3);
    else if (is("crashes")) process.kill(process.pid, "SIGABRT");
    else process.exit(0);
  });
};

const fail = (text, code = 1) => {
  console.error(text);
  process.exitCode = code;
};

/** What happens before anything is read. */
const beginnings = {
  banner: () => console.log("Broken MCP server v1.0.0 running on stdio"),
  colours: () => console.log("\u{1b}[32m✔ ready\u{1b}[0m"),
  "byte-order-mark": () => process.stdout.write("\u{feff}"),
  early: () => send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }),
  "leaves-process": () => spawn("sleep", ["60"], { stdio: "ignore" }).unref(),
};

/** Modes that never serve. */
const deaths = {
  exits: () => fail("something is wrong in here", 2),
  "lacks-module": () => import("a-module-that-nobody-has").catch(({ message }) => fail(`Error: ${message}`)),
  "lacks-variable": () => fail("Error: BROKEN_API_TOKEN environment variable is required"),
  "port-in-use": () => {
    const first = createServer().listen(0, () => {
      const second = createServer().on("error", (error) => {
        first.close();
        fail(String(error));
      });
      second.listen(first.address().port);
    });
  },
  silent: () => process.stdin.on("end", () => process.exit(0)).resume(),
  "serves-http": () => {
    console.error("Server listening on http://localhost:3000/mcp");
    process.stdin.on("end", () => process.exit(0)).resume();
  },
  buffered: () => {
    const held = [];
    process.stdin.on("data", (data) => held.push(data));
    process.stdin.on("end", () => {
      const { id } = JSON.parse(Buffer.concat(held).toString().split("\n")[0]);
      answer(id, {});
    });
  },
};

if (deaths[mode]) deaths[mode]();
else {
  beginnings[mode]?.();
  serve();
}
