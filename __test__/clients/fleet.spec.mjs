// Several real servers behind one port, merged into one: used by the TypeScript SDKs and the Python SDK over HTTP, and
// by a client on standard input and output.
//
// Servers that are not development dependencies are installed into target/museum; if one cannot be installed it is left
// out, and the test that needs it says so.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

import { commandOf } from "../../scripts/museum/installed.mjs";
import { startServers } from "../support/proxy.mjs";
import { environment } from "../support/python.mjs";
import { Peer, sdks } from "./sdk.mjs";
import { servers } from "./servers.mjs";

const execute = promisify(execFile);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const text = ({ content }) => content[0].text;

/** Servers that must be installed, and a call of each with a part of its answer. */
const INSTALLED = {
  git: {
    call: (folder) => ["git_status", { repo_path: folder }],
    expected: /On branch|No commits yet/,
    from: "pypi",
    package: "mcp-server-git",
    program: "mcp-server-git",
  },
  memory: {
    call: () => ["read_graph", {}],
    env: (folder) => ({ MEMORY_FILE_PATH: join(folder, "memory.jsonl") }),
    expected: /entities/,
    from: "npm",
    package: "@modelcontextprotocol/server-memory",
    program: "mcp-server-memory",
  },
  time: {
    call: () => ["convert_time", { source_timezone: "UTC", target_timezone: "Asia/Tokyo", time: "12:00" }],
    expected: /21:00/,
    from: "pypi",
    package: "mcp-server-time",
    program: "mcp-server-time",
  },
};

describe("real servers as one", () => {
  let fleet;
  before(async () => {
    fleet = await open();
  });
  after(() => fleet?.close());

  for (const sdk of sdks) {
    for (const endpoint of ["/mcp", "/sse"]) {
      test(`${sdk.name} at ${endpoint}`, async (t) => {
        const asked = [];
        const answers = {
          "roots/list": () => ({ roots: [] }),
          "sampling/createMessage": ({ params }) => {
            asked.push(params);
            return { content: { text: "an answer", type: "text" }, model: "m", role: "assistant" };
          },
        };
        const clientOptions = { capabilities: { roots: {}, sampling: {} } };
        const peer = await Peer.connect(sdk, fleet.proxy.url + endpoint, { answers, clientOptions });
        t.after(() => peer.close());
        await everythingIsThere(peer.client, clientOptions, (name, args) => peer.callTool(name, args));

        const progress = [];
        await peer.callTool(
          "everything__trigger-long-running-operation",
          { duration: 0.2, steps: 2 },
          { onprogress: (event) => progress.push(event.progress) },
        );
        assert.deepEqual(progress.toSorted(), progress);
        assert.ok(progress.length > 0);
        // The server that was called is the one that asks.
        const sampled = await peer.callTool("everything__trigger-sampling-request", { maxTokens: 10, prompt: "p" });
        assert.match(text(sampled), /an answer/);
        assert.equal(asked.length, 1);
      });
    }
  }

  test("Python SDK", async () => {
    const python = await environment();
    const calls = Object.entries(fleet.calls).map(([tool, [args, expected]]) => [tool, args, expected.source]);
    for (const endpoint of ["/mcp", "/sse"]) {
      await execute(python, [
        ...["-W", "ignore", here("python/fleet.py"), fleet.proxy.url + endpoint],
        JSON.stringify({ calls, names: Object.keys(fleet.entries) }),
      ]);
    }
  });

  test("a client that knows only standard input and output", async (t) => {
    const [command, ...words] = fleet.proxy.words;
    const args = [...words, "--config", fleet.file, "--stdio"];
    const transport = new StdioClientTransport({ args, command, stderr: "ignore" });
    const client = new Client({ name: "stdio", version: "1.0.0" });
    await client.connect(transport);
    t.after(() => client.close());
    await everythingIsThere(client, {}, (name, args) => client.callTool({ arguments: args, name }));
  });

  test("every server could be installed", (t) => {
    const missing = Object.keys(INSTALLED).filter((name) => !fleet.entries[name]);
    if (missing.length > 0) t.skip(`not installed: ${missing.join(", ")}`);
  });

  /** The lists contain the entries of all servers, and a call reaches the server in its name. */
  async function everythingIsThere(client, clientOptions, call) {
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.deepEqual([...new Set(names.map((name) => name.split("__")[0]))], Object.keys(fleet.entries));
    assert.equal(names.length, await countedAlone(fleet, clientOptions));
    for (const [tool, [args, expected]] of Object.entries(fleet.calls)) {
      assert.match(text(await call(tool, args)), expected, tool);
    }
    const unknown = await call("files__echo", { message: "x" }).then(
      ({ isError }) => isError,
      () => true,
    );
    assert.ok(unknown, "the tool of another server");
    const { resources } = await client.listResources();
    const read = await client.readResource({ uri: resources[0].uri });
    assert.ok(read.contents.length > 0);
    const { prompts } = await client.listPrompts();
    assert.ok(prompts.some(({ name }) => name === "everything__args-prompt"));
    const prompt = await client.getPrompt({ arguments: { city: "Oslo" }, name: "everything__args-prompt" });
    assert.match(prompt.messages[0].content.text, /Oslo/);
  }
});

async function open() {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "mcp-proxy-fleet-")));
  await execute("git", ["init", "--quiet", folder]);
  await writeFile(join(folder, "note.txt"), "a note\n");
  const { command } = await servers.everything.open();
  const filesystem = await servers.filesystem.open();
  await filesystem.close();
  const entry = ([program, ...args], more = {}) => ({ args, command: program, ...more });
  const entries = {
    everything: entry(command, { "mcp-proxy": { isolation: "session", prewarm: 1 } }),
    files: entry([...filesystem.command.slice(0, -1), folder]),
  };
  const calls = {
    everything__echo: [{ message: "hello" }, /Echo: hello/],
    files__read_text_file: [{ path: join(folder, "note.txt") }, /a note/],
  };
  for (const [name, server] of Object.entries(INSTALLED)) {
    const installed = await commandOf(server).catch(() => undefined);
    if (!installed) continue;
    entries[name] = entry(installed, server.env && { env: server.env(folder) });
    const [tool, args] = server.call(folder);
    calls[`${name}__${tool}`] = [args, server.expected];
  }
  const file = join(folder, "mcp.json");
  await writeFile(file, JSON.stringify({ mcpServers: entries }));
  const proxy = await startServers(file);
  return {
    calls,
    close: async () => {
      await proxy.stop();
      await rm(folder, { recursive: true });
    },
    entries,
    file,
    proxy,
  };
}

/** How many tools the servers have at their own endpoints; some offer more depending on the client's capabilities. */
async function countedAlone({ entries, proxy }, clientOptions) {
  const count = async (name) => {
    const peer = await Peer.connect(sdks[0], `${proxy.url}/servers/${name}/mcp`, { clientOptions });
    const { tools } = await peer.client.listTools();
    await peer.close();
    return tools.length;
  };
  const counts = await Promise.all(Object.keys(entries).map(count));
  return counts.reduce((all, own) => all + own, 0);
}
