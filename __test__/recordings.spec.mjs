// `record` and `replayTransport`: a program's traffic in a file, and that file in place of a server.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import * as v2 from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { replayTransport, ServerType, startHTTPServer, startStdioServer } from "mcp-proxy";

const identity = { name: "recordings", version: "1.0.0" };
const server = fileURLToPath(new URL("page/server.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-recordings-"));
const file = join(folder, "traffic.jsonl");
const lines = (name) => readFileSync(name, "utf8").trim().split("\n").map(JSON.parse);

after(() => rmSync(folder, { force: true, recursive: true }));

/** Serves the fixture, calls it, and stops. */
const record = async (wanted) => {
  const upstream = { args: [server], command: process.execPath };
  const front = await startHTTPServer({ host: "127.0.0.1", port: 0, record: wanted, upstream });
  const client = new Client(identity);
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${front.port}/mcp`)));
  await client.listTools();
  const result = await client.callTool({ arguments: { pin: 1234, text: "played" }, name: "echo" });
  await client.close();
  await front.close();
  return result;
};

describe("recordings", () => {
  let recorded;
  before(async () => {
    recorded = await record(file);
  });

  test("the file has all messages once the server is closed, and nothing after that", async () => {
    const all = lines(file);
    assert.equal(all[0].format, "mcp-proxy-recording");
    assert.ok(all.some(({ point, text }) => point === "to-client" && text.includes("played")));
    const happened = all.filter(({ event }) => event).map(({ event }) => event.what);
    assert.equal(happened.at(-1), "ended");
    const size = readFileSync(file).length;
    await record(join(folder, "other.jsonl"));
    assert.equal(readFileSync(file).length, size);
  });

  test("--redact hides what it names", async () => {
    const hidden = join(folder, "hidden.jsonl");
    await record({ file: hidden, maxFiles: 2, maxSize: 1_000_000, redact: ["pin"] });
    assert.match(readFileSync(file, "utf8"), /1234/);
    assert.doesNotMatch(readFileSync(hidden, "utf8"), /1234/);
  });

  for (const [name, Kind] of Object.entries({ v1: Client, v2: v2.Client })) {
    test(`a client of the SDK ${name} gets the recorded answers`, async () => {
      const client = new Kind(identity);
      await client.connect(replayTransport(file));
      assert.equal(client.getServerVersion().name, "page-server");
      const { tools } = await client.listTools();
      assert.ok(tools.some((tool) => tool.name === "echo"));
      const call = { arguments: { pin: 1234, text: "played" }, name: "echo" };
      assert.deepEqual((await client.callTool(call)).content, recorded.content);
      const other = { ...call, arguments: { pin: 1234, text: "another" } };
      await assert.rejects(client.callTool(other), /nearest one differs: at \/arguments\/text/);
      await client.close();
      const lenient = new Kind(identity);
      await lenient.connect(replayTransport(file, { mayDiffer: ["text"] }));
      assert.deepEqual((await lenient.callTool(other)).content, recorded.content);
      await lenient.close();
    });
  }

  test("a file that is not a recording is refused when it is opened", async () => {
    const wrong = join(folder, "wrong.jsonl");
    writeFileSync(wrong, "{}\n");
    await assert.rejects(replayTransport(wrong).start(), /is not a recording/);
    await assert.rejects(replayTransport(join(folder, "nowhere")).start(), /cannot read/);
    await assert.rejects(replayTransport("").start(), /option "file" must be/);
    await assert.rejects(replayTransport(file, { speed: -1 }).start(), /option "speed" must be/);
    await assert.rejects(record(wrong), /is not a recording/);
    await assert.rejects(record({ file, maxFiles: 0 }), /option "record.maxFiles" must be/);
    const options = {
      initStdioServer: async () => {},
      record: file,
      serverType: ServerType.HTTPStream,
      url: "http://h",
    };
    await assert.rejects(startStdioServer(options), /"record" cannot be used with hooks/);
  });
});
