// Correct servers: the doctor finds no fault.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";

import { root } from "../../scripts/tools.mjs";
import { startProxy } from "../support/proxy.mjs";
import { examine } from "./doctor.mjs";

const inModules = (path) => join(root, "node_modules/@modelcontextprotocol", path);
const everything = [process.execPath, inModules("server-everything/dist/index.js")];

const servers = {
  everything,
  filesystem: [process.execPath, inModules("server-filesystem/dist/index.js"), join(root, "docs")],
};

/** Those of the conformance suite have, for a test, a tool with `allOf` at the top of its schema. */
const suites = {
  "the SDK v1": [process.execPath, join(root, "__test__/fixtures/everything-legacy.mjs")],
  "the SDK v2": [process.execPath, join(root, "__test__/fixtures/everything-modern.mjs")],
};

const isWell = async (words, expected = []) => {
  const { code, codes, found, stderr } = await examine(words);
  assert.deepEqual(codes, expected, `${JSON.stringify(found)}\n${stderr}`);
  assert.equal(code, 0);
};

describe("a healthy server", { concurrency: 2 }, () => {
  for (const [name, command] of Object.entries(servers)) {
    test(name, () => isWell(["--upstreamProtocol", "auto", "--", ...command]));
  }

  for (const [name, command] of Object.entries(suites)) {
    test(`the server of the conformance suite on ${name}`, () =>
      isWell(["--upstreamProtocol", "auto", "--", ...command], ["MCPX0511"]));
  }

  test("everything, behind the proxy", async (context) => {
    const proxy = await startProxy({ command: everything, flags: ["--host", "127.0.0.1"] });
    context.after(() => proxy.stop());
    await isWell([new URL("/mcp", proxy.url).href]);
  });
});
