// Checks the translators between the eras against the official schemas: those of both revisions are in the Python SDK's
// wire types. MCP_PROXY_TEST_SEED and MCP_PROXY_TEST_ROUNDS choose the messages.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { repositoryRoot } from "../support/proxy.mjs";
import { environment } from "../support/python.mjs";

const run = promisify(execFile);

const CROSSINGS = [
  "request to legacy",
  "request to modern",
  "result to modern",
  "result to legacy",
  "question to modern",
  "handshake to modern",
  "subscription to legacy",
  "introduction to legacy",
  "discovery to legacy",
  "error to modern",
];

const seed = process.env.MCP_PROXY_TEST_SEED ?? "1";
const rounds = process.env.MCP_PROXY_TEST_ROUNDS ?? "200";

/** The example that translates messages, built as the workspace is. */
const translate = async () => {
  const words = "build --workspace --locked --features mcp-proxy-core/internals --example translate";
  const options = { cwd: repositoryRoot, maxBuffer: 1 << 28 };
  const { stdout } = await run("cargo", [...words.split(" "), "--message-format=json"], options);
  const artifacts = stdout.split("\n").filter(Boolean).map(JSON.parse);
  return artifacts.find(({ executable, target }) => executable && target.name === "translate").executable;
};

const crossed = async () => {
  const script = fileURLToPath(new URL("crossings.py", import.meta.url));
  const corpus = join(repositoryRoot, "crates/core/fuzz/corpus");
  const words = [script, await translate(), corpus, seed, rounds];
  const { stdout } = await run(await environment(), words, { maxBuffer: 1 << 28 });
  return stdout.trim().split("\n").map(JSON.parse);
};

describe("schemas", async () => {
  const outcomes = await crossed();

  for (const crossing of CROSSINGS) {
    test(`${crossing}, seed ${seed}`, () => {
      const { emitted, violations } = outcomes.find((outcome) => outcome.crossing === crossing);
      assert.ok(emitted > Number(rounds) / 8, `only ${emitted} messages came out`);
      assert.deepEqual(violations.slice(0, 3), [], `${violations.length} of ${emitted} violate their schema`);
    });
  }
});
