// Other vendors' servers over their own HTTP, behind our stdio front.
//
// Each server also runs over its own stdio: a client must read the same lines through the proxy as there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { eachLine } from "../support/lines.mjs";
import { Journal } from "../support/journal.mjs";
import { freePort } from "../support/port.mjs";
import { repositoryRoot } from "../support/proxy.mjs";
import { environment } from "../support/python.mjs";
import { Stdio } from "../support/stdio.mjs";

const require = createRequire(import.meta.url);
const proxy = [process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy")];
const script = (name, file = "dist/index.js") => join(dirname(require.resolve(`${name}/package.json`)), file);
const everything = [process.execPath, script("@modelcontextprotocol/server-everything")];
const original = [process.execPath, script("mcp-proxy-original", "dist/bin/mcp-proxy.mjs")];
const python = async () => [await environment(), fileURLToPath(new URL("server.py", import.meta.url))];

/** Requests to the servers that are based on server-everything. */
const saidToEverything = [
  (peer) => peer.call("echo", { message: 'é"\\ \u{1f600}' }),
  (peer) => peer.call("get-sum", { a: 1, b: 2 }),
  (peer) => peer.call("no-such-tool"),
  (peer) => peer.request("prompts/list"),
  (peer) => peer.request("resources/templates/list"),
  (peer) => peer.request("logging/setLevel", { level: "error" }),
  (peer) => peer.request("no/such/method"),
  (peer) => peer.request("ping"),
];

const saidToPython = [
  (peer) => peer.request("tools/list"),
  (peer) => peer.request("prompts/list"),
  (peer) => peer.request("resources/templates/list"),
  (peer) => peer.call("greet", { name: "Ünï" }),
  (peer) => peer.call("fail"),
  (peer) => peer.call("count", { to: 3 }, { progressToken: "t" }),
  (peer) => peer.request("resources/read", { uri: "note://n" }),
  (peer) => peer.request("prompts/get", { arguments: { topic: "x" }, name: "ask" }),
];

const PEERS = [
  {
    command: () => [...everything, "streamableHttp"],
    direct: () => [...everything, "stdio"],
    name: "server-everything, Streamable HTTP",
    path: "/mcp",
    said: saidToEverything,
  },
  {
    command: () => [...everything, "sse"],
    direct: () => [...everything, "stdio"],
    name: "server-everything, HTTP+SSE",
    path: "/sse",
    said: saidToEverything,
  },
  ...["/mcp", "/sse"].map((path) => ({
    command: (port) => [...original, "--port", port, "--", ...everything, "stdio"],
    // The original changes what it passes on, so only its own answers can be compared.
    name: `npm mcp-proxy, ${path}`,
    path,
    said: saidToEverything,
  })),
  ...["streamable-http", "sse"].map((transport) => ({
    command: async (port) => [...(await python()), transport, port],
    direct: async () => [...(await python()), "stdio"],
    name: `Python SDK, ${transport}`,
    path: transport === "sse" ? "/sse" : "/mcp",
    said: saidToPython,
  })),
];

for (const { command, direct, name, path, said } of PEERS) {
  describe(name, () => {
    const open = [];
    let peer, plain, server;

    before(async () => {
      const port = await freePort();
      server = await serve(await command(String(port)), port);
      peer = await Stdio.open([...proxy, `http://127.0.0.1:${port}${path}`], { answers: ANSWERS });
      open.push(peer);
      if (direct) {
        plain = await Stdio.open(await direct());
        open.push(plain);
      }
    });
    after(() => {
      for (const one of open) one.kill();
      server?.kill("SIGKILL");
    });

    test("every answer is the server's own line", async () => {
      for (const say of said) {
        const line = await say(peer);
        assert.ok(JSON.parse(line).jsonrpc, line);
        if (plain) assert.equal(sorted(line), sorted(await say(plain)));
      }
    });

    if (said === saidToEverything && direct) {
      test("the server can ask the client", async () => {
        const line = await peer.call("trigger-sampling-request", { maxTokens: 5, prompt: "why" });
        assert.match(line, /because/);
      });

      test("progress comes before its result", async () => {
        const args = { duration: 0.2, steps: 4 };
        const line = await peer.call("trigger-long-running-operation", args, { progressToken: 7 });
        const entries = peer.lines.entries;
        const seen = entries.filter((entry) => entry.includes("notifications/progress"));
        assert.equal(seen.length, 4);
        assert.ok(entries.indexOf(seen.at(-1)) < entries.indexOf(line));
      });
    }

    test("the end of the input is the end of the process", async () => {
      assert.equal(await peer.close(), 0, peer.stderr.entries.join("\n"));
    });
  });
}

const ANSWERS = {
  "roots/list": () => ({ roots: [] }),
  "sampling/createMessage": () => ({
    content: { text: "because", type: "text" },
    model: "m",
    role: "assistant",
    stopReason: "endTurn",
  }),
};

/** A message without the order of its members, which differs between a server's transports. */
const sorted = (line) => {
  const { error, id, result } = JSON.parse(line);
  return JSON.stringify({ error, id, result });
};

/** Starts a server that listens on this port, and waits until it does. */
async function serve([program, ...words], port) {
  const child = spawn(program, words, {
    env: { ...process.env, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = new Journal();
  eachLine(child.stdout, (line) => printed.push(line));
  eachLine(child.stderr, (line) => printed.push(line));
  child.on("exit", (code) => printed.push(`ended with ${code}`));
  await printed.first((line) => /listening|running on|starting server|Uvicorn|port/i.test(line), "the server");
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/none`).catch(() => undefined);
    if (answer) return child;
    assert.ok(!printed.entries.some((line) => line.startsWith("ended with")), printed.entries.join("\n"));
  }
}
