import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { ServerType, startStdioServer } from "mcp-proxy";

import { Journal } from "./support/journal.mjs";
import { eachLine } from "./support/lines.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A Streamable HTTP server that answers in JSON; `requests` records what it was asked. */
const requests = new Journal();
const results = {
  initialize: {
    capabilities: { tools: {} },
    instructions: "Use with care.",
    protocolVersion: "2025-06-18",
    serverInfo: { name: "remote", version: "3.2.1" },
  },
  "tools/list": { nextCursor: "2", tools: [{ inputSchema: { type: "object" }, name: "one", vendor: [1] }] },
};
const remote = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const message = body && JSON.parse(body);
  requests.push({ headers: request.headers, message });
  if (request.method !== "POST") return response.writeHead(405).end();
  if (message.id === undefined) return response.writeHead(202).end();
  const answer = results[message.method]
    ? { result: results[message.method] }
    : { error: { code: -32601, message: "?" } };
  response.writeHead(200, { "Content-Type": "application/json", "Mcp-Session-Id": "s" });
  response.end(JSON.stringify({ id: message.id, jsonrpc: "2.0", ...answer }));
});

/** Runs a module in a process of its own that has `url` and `startStdioServer`. */
const run = (code, { cwd = root, from = "mcp-proxy" } = {}) => {
  const url = JSON.stringify(`http://127.0.0.1:${remote.address().port}/mcp`);
  const program = `import * as api from "${from}";
    const { ServerType, startStdioServer } = api.default;
    const url = ${url};
    ${code}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { cwd });
  const [stdout, stderr] = [new Journal(), new Journal()];
  eachLine(child.stdout, (line) => stdout.push(JSON.parse(line)));
  eachLine(child.stderr, (line) => stderr.push(line));
  const closed = once(child, "close");
  const request = (id, method, params = {}) => {
    child.stdin.write(`${JSON.stringify({ id, jsonrpc: "2.0", method, params })}\n`);
    return stdout.first((message) => message.id === id, `the answer to ${method}`);
  };
  const hello = () => {
    const clientInfo = { name: "test", version: "1.0.0" };
    return request("hello", "initialize", { capabilities: {}, clientInfo, protocolVersion: "2025-06-18" });
  };
  return { child, closed, hello, request, stderr };
};

const v1Client = `const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const initStreamClient = async () => new Client({ name: "mine", version: "1.0.0" });`;
const v2Client = `const { Client } = await import("@modelcontextprotocol/client");
  const initStreamClient = async () => new Client({ name: "mine", version: "1.0.0" });`;
const server = (module) => `const { Server } = await import("${module}");
  const initStdioServer = async () => new Server({ name: "mine", version: "0.0.1" }, { capabilities: { tools: {} } });`;
const v1Server = server("@modelcontextprotocol/sdk/server/index.js");
const v2Server = server("@modelcontextprotocol/server");

describe("startStdioServer", () => {
  before(async () => {
    remote.listen(0, "127.0.0.1");
    await once(remote, "listening");
  });
  after(() => {
    remote.closeAllConnections();
    remote.close();
  });

  /** A copy of the package without an SDK. */
  const alone = (t) => {
    const directory = mkdtempSync(join(tmpdir(), "mcp-proxy-"));
    t.after(() => rmSync(directory, { recursive: true }));
    for (const part of ["Cargo.toml", "crates/node/js", "index.js", "npm", "package.json"]) {
      cpSync(join(root, part), join(directory, part), { recursive: true });
    }
    symlinkSync(join(root, "target"), join(directory, "target"), "junction");
    return { cwd: directory, from: pathToFileURL(join(directory, "index.js")).href };
  };

  const start = "await startStdioServer({ serverType: ServerType.HTTPStream, url";

  test("serves the remote server under its own name, with its instructions, and its pages as they are", async () => {
    const { child, closed, hello, request } = run(`${start} });`);
    const { result } = await hello();
    assert.deepEqual(result, results.initialize);
    assert.deepEqual((await request(1, "tools/list")).result, results["tools/list"]);
    child.stdin.end();
    assert.deepEqual(await closed, [0, null]);
  });

  const hooks = {
    "a v1 client": [v1Client, "initStreamClient"],
    "a v1 client and a v1 server": [v1Client + v1Server, "initStreamClient, initStdioServer"],
    "a v1 client and a v2 server": [v1Client + v2Server, "initStreamClient, initStdioServer"],
    "a v2 client and a v1 server": [v2Client + v1Server, "initStreamClient, initStdioServer"],
    "a v2 client and a v2 server": [v2Client + v2Server, "initStreamClient, initStdioServer"],
  };
  for (const [what, [code, names]] of Object.entries(hooks)) {
    test(`uses the caller's ${what}`, async () => {
      const asked = requests.next(({ message }) => message.method === "initialize", "the handshake");
      const { child, closed, hello, request } = run(`${code} ${start}, ${names} });`);
      const { result } = await hello();
      assert.equal(result.serverInfo.name, names.includes("initStdioServer") ? "mine" : "remote");
      assert.equal((await asked).message.params.clientInfo.name, "mine");
      const listed = request(1, "tools/list");
      // Requests before the end of stdin are still answered.
      child.stdin.end();
      assert.deepEqual((await listed).result, results["tools/list"]);
      assert.deepEqual(await closed, [0, null]);
    });
  }

  test("needs no SDK without hooks", async (t) => {
    const { cwd, from } = alone(t);
    const { child, closed, hello } = run(`${start} });`, { cwd, from });
    assert.deepEqual((await hello()).result, results.initialize);
    child.stdin.end();
    assert.deepEqual(await closed, [0, null]);
  });

  test("passes everything on, as the client itself sends it", async () => {
    const { child, closed, hello, request } = run(`${start} });`);
    await hello();
    const asked = requests.next(({ message }) => message?.method === "vendor/any", "the call");
    const { error } = await request("x", "vendor/any", { n: 1 });
    assert.deepEqual(error, { code: -32601, message: "?" });
    assert.deepEqual((await asked).message, { id: "x", jsonrpc: "2.0", method: "vendor/any", params: { n: 1 } });
    const names = requests.entries.filter(({ message }) => message?.method === "initialize");
    assert.equal(names.at(-1).message.params.clientInfo.name, "test");
    child.stdin.end();
    assert.deepEqual(await closed, [0, null]);
  });

  test("detects the revision of the remote server, or insists on one", async () => {
    const { child, closed, hello } = run(`${start}, upstreamProtocol: "auto" });`);
    assert.deepEqual((await hello()).result, results.initialize);
    child.stdin.end();
    assert.deepEqual(await closed, [0, null]);
    const modern = run(`${start}, upstreamProtocol: "modern" }).catch((error) => console.error(error.message));`);
    assert.deepEqual(await modern.closed, [0, null]);
    assert.equal(modern.stderr.entries.length, 1);
    const wrong = run(`${start}, upstreamProtocol: "next" }).catch((error) => console.error(String(error)));`);
    assert.deepEqual(await wrong.closed, [0, null]);
    assert.match(
      wrong.stderr.entries[0],
      /^TypeError: startStdioServer: option "upstreamProtocol" must be "auto" or "legacy" or "modern", not "next"/,
    );
  });

  test("works although the program accesses its standard streams", async () => {
    const { child, closed, hello, request } = run(`process.stdout.isTTY; process.stdin.isTTY; ${start} });`);
    await hello();
    for (let id = 0; id < 20; id++) assert.deepEqual((await request(id, "tools/list")).result, results["tools/list"]);
    child.stdin.end();
    assert.deepEqual(await closed, [0, null]);
  });

  test("reports its end, whoever asked for it", async () => {
    const told = `const server = ${start} }); server.onclose = () => console.error("closed");`;
    const { child, closed, stderr } = run(told);
    child.stdin.end();
    assert.deepEqual(await closed, [0, null]);
    assert.deepEqual(stderr.entries, ["closed"]);
    const twice = run(`${told} await server.close(); await server.close(); console.error("done");`);
    assert.deepEqual(await twice.closed, [0, null]);
    assert.deepEqual(twice.stderr.entries, ["closed", "done"]);
  });

  test("lets the process end when the server is closed", async () => {
    const { closed } = run(`const server = ${start} }); await server.close();`);
    assert.deepEqual(await closed, [0, null]);
  });

  const tenants = {
    "a list of headers": `{ requestInit: { headers: [["X-Tenant", "a list of headers"]] } }`,
    "an object of headers": `{ requestInit: { headers: { "X-Tenant": "an object of headers" } } }`,
    "another fetch": `{ fetch: (url, init) => {
      const headers = new Headers(init.headers);
      headers.set("X-Tenant", "another fetch");
      return fetch(url, { ...init, headers });
    } }`,
    Headers: `{ requestInit: { headers: new Headers({ "X-Tenant": "Headers" }) } }`,
    "other options of a request": `{ requestInit: { headers: { "X-Tenant": "other options of a request" }, keepalive: false } }`,
  };
  for (const [what, transportOptions] of Object.entries(tenants)) {
    test(`passes ${what} on`, async () => {
      const asked = requests.next(({ headers }) => headers["x-tenant"] === what, "the header");
      const { child, closed } = run(`${start}, transportOptions: ${transportOptions} });`);
      assert.equal((await asked).message.method, "initialize");
      child.stdin.end();
      assert.deepEqual(await closed, [0, null]);
    });
  }

  test("closes the client and rejects with what the hook threw", async () => {
    const { closed, stderr } = run(`${v1Client}
      const failing = async () => { throw new Error("no server today") };
      await startStdioServer({ initStreamClient, initStdioServer: failing, serverType: "HTTPStream", url })
        .catch((error) => console.error(error.message));`);
    assert.deepEqual(await closed, [0, null]);
    assert.deepEqual(stderr.entries, ["no server today"]);
  });

  test("rejects with the client's error when the remote server cannot be reached", async () => {
    const { closed, stderr } = run(`await startStdioServer({ serverType: "HTTPStream", url: "http://127.0.0.1:1/mcp" })
        .catch((error) => console.error(error.message + "\\n" + error.cause.message));`);
    assert.deepEqual(await closed, [0, null]);
    assert.equal(stderr.entries[0], "fetch failed");
    assert.match(stderr.entries[1], /^cannot connect to http:\/\/127\.0\.0\.1:1\/mcp: /);
  });

  test("rejects with the text of a server that does not speak MCP", async (t) => {
    for (const [status, body, code, said] of [
      [401, "", 401, /401/],
      [404, "no such page", 404, /404/],
      [200, `{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"not today"}}`, undefined, /^not today$/],
    ]) {
      const other = createServer((_, response) => {
        response.writeHead(status, { "Content-Type": "application/json" }).end(body);
      }).listen(0, "127.0.0.1");
      t.after(() => other.close());
      await once(other, "listening");
      const { closed, stderr } = run(`const other = "http://127.0.0.1:${other.address().port}/mcp";
        await startStdioServer({ serverType: "HTTPStream", url: other })
          .catch((error) => console.error(JSON.stringify([error.code, error.message])));`);
      assert.deepEqual(await closed, [0, null]);
      const [answered, message] = JSON.parse(stderr.entries[0]);
      assert.equal(answered ?? undefined, code, message);
      assert.match(message, said);
    }
  });

  test("says which SDKs it can use when there is none and it needs one", async (t) => {
    const { cwd, from } = alone(t);
    const { closed, stderr } = run(
      `await startStdioServer({ serverType: "HTTPStream", transportOptions: { fetch }, url })
         .catch((error) => console.error(error.message));`,
      { cwd, from },
    );
    assert.deepEqual(await closed, [0, null]);
    assert.deepEqual(stderr.entries, [
      "startStdioServer needs an MCP SDK: install @modelcontextprotocol/client and @modelcontextprotocol/server, or @modelcontextprotocol/sdk",
    ]);
  });

  test("a TypeError says what is wrong with its options", async () => {
    const url = "http://127.0.0.1:1/mcp";
    for (const [options, message] of [
      [{ url: "nowhere" }, /Invalid URL/],
      [{}, /Invalid URL/],
      [{ upstreamProtocol: "old", url }, /"upstreamProtocol" must be "auto" or "legacy" or "modern", not "old"/],
      [{ transportOptions: { requestInit: { headers: 1 } }, url }, /headers/i],
      [{ initStreamClient: 1, url }, /not a function/],
    ]) {
      await assert.rejects(startStdioServer({ serverType: ServerType.HTTPStream, ...options }), {
        message,
        name: "TypeError",
      });
    }
  });
});
