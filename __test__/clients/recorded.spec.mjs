// The traffic of each SDK's client with real servers is recorded and played back to the same client, which receives the
// same bytes, except for the ids that it has chosen.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { startProxy } from "../support/proxy.mjs";
import { environment } from "../support/python.mjs";
import { Peer, sdks } from "./sdk.mjs";
import { servers } from "./servers.mjs";

const run = promisify(execFile);
const script = fileURLToPath(new URL("python/recorded.py", import.meta.url));

/** What a client does with each server, in an order of its own. */
const TALKS = {
  everything: async (peer) => {
    const { client } = peer;
    await client.listTools();
    await client.listPrompts();
    await client.listResources();
    await peer.callTool("echo", { message: 'a\u2028b \u{1F980} "\\u0041" \0 \u00e9' });
    await peer.callTool("get-sum", { a: 2, b: 40 });
    await peer.callTool("get-structured-content", { location: "Chicago" });
    await peer.callTool("get-tiny-image");
    await peer.callTool("trigger-long-running-operation", { duration: 0.2, steps: 4 }, { onprogress: () => {} });
    await client.readResource({ uri: "demo://resource/dynamic/text/7" });
    await client.getPrompt({ arguments: { city: "Oslo" }, name: "args-prompt" });
    await peer.callTool("no-such-tool").catch(() => {});
    await client.readResource({ uri: "demo://nowhere" }).catch(() => {});
  },
  filesystem: async (peer, { directory }) => {
    await peer.client.listTools();
    const path = join(directory, "\u00fc.txt");
    await peer.callTool("write_file", { content: 'tab\t quote" \u2028 \u{1F980}\r\n'.repeat(1000), path });
    await peer.callTool("read_text_file", { path });
    await peer.callTool("list_directory", { path: directory });
    await peer.callTool("read_text_file", { path: "/" });
  },
};

/** Answers and progress in the order of the calls, as the client got them, without its ids. */
const seen = (peer) => {
  const order = peer.sent.entries.filter((message) => message.method && message.id !== undefined);
  const places = new Map(order.map(({ id }, index) => [id, index]));
  const texts = order.map(({ method }) => [method]);
  for (const message of peer.received.entries) {
    const place = places.get(message.id ?? message.params?.progressToken);
    if (place === undefined) continue;
    const { id, params, ...rest } = message;
    const reported = params && { ...params, progressToken: undefined };
    texts[place].push(JSON.stringify({ ...rest, params: reported }));
  }
  return texts;
};

/** Runs this with a proxy. */
const through = async (options, work) => {
  const proxy = await startProxy(options);
  try {
    return await work(proxy);
  } finally {
    await proxy.stop();
  }
};

/** Plays `talk` to a real server, then to the recording of that; returns what came each time. */
const twice = async (name, talk) => {
  const server = await servers[name].open();
  const folder = await mkdtemp(join(tmpdir(), "mcp-proxy-recorded-"));
  const file = join(folder, "traffic.jsonl");
  try {
    const first = await through({ command: server.command, flags: ["--record", file] }, (proxy) => talk(proxy, server));
    const flags = ["--replay", file, "--replaySpeed", "0"];
    return [first, await through({ command: [], flags }, (proxy) => talk(proxy, server))];
  } finally {
    await server.close();
    await rm(folder, { force: true, recursive: true });
  }
};

describe("recorded clients", () => {
  for (const kind of sdks) {
    for (const name of Object.keys(servers)) {
      for (const endpoint of ["/mcp", "/sse"]) {
        test(`${kind.name}, server-${name} on ${endpoint}`, async () => {
          const [recorded, played] = await twice(name, async (proxy, server) => {
            const peer = await Peer.connect(kind, proxy.url + endpoint);
            await TALKS[name](peer, server);
            await peer.close();
            return seen(peer);
          });
          assert.ok(recorded.length >= 5);
          assert.deepEqual(played, recorded);
        });
      }
    }
  }

  describe("Python SDK", () => {
    let python;
    before(async () => {
      python = await environment();
    });

    for (const name of Object.keys(servers)) {
      test(`server-${name}`, async () => {
        const [recorded, played] = await twice(name, async (proxy, { directory = "" }) => {
          const words = ["-W", "ignore", script, `${proxy.url}/mcp`, name, directory];
          return (await run(python, words, { maxBuffer: 64e6 })).stdout;
        });
        assert.ok(recorded.split("\n").length >= 5, recorded);
        assert.equal(played, recorded);
      });
    }
  });
});
