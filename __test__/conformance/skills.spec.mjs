// The scenarios of skills (SEP-2640), which no revision requires: servers of both eras behind the proxy.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { repositoryRoot } from "../support/proxy.mjs";

const execute = promisify(execFile);
const manifest = createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json");
const suite = join(dirname(manifest), "dist/index.js");
const server = fileURLToPath(new URL("skill-server.mjs", import.meta.url));
const binary = process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy");

const SCENARIOS = ["sep-2640-skills-directory", "sep-2640-skills-enumeration", "sep-2640-skills-manifest"];

async function startProxy(era) {
  const words = ["--host", "127.0.0.1", "--port", "0", "--upstreamProtocol", era, "--", process.execPath, server, era];
  const child = spawn(binary, words, { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the proxy ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, found] = /listening on http:\/\/\S*?:(\d+)/.exec(line) ?? [];
      if (found) resolve([found]);
    });
  });
  return { child, url: `http://127.0.0.1:${port}/mcp` };
}

/** What a scenario has checked, by the ids of its checks. */
async function checked(directory) {
  const [entry] = await readdir(directory);
  const checks = JSON.parse(await readFile(join(directory, entry, "checks.json"), "utf8"));
  return checks.map(({ errorMessage = "", id, status }) => ({ id, status, why: errorMessage }));
}

for (const era of ["legacy", "modern"]) {
  for (const revision of ["2025-11-25", "2026-07-28"]) {
    test(`a ${era} server of skills, for clients of ${revision}`, async (t) => {
      const { child, url } = await startProxy(era);
      t.after(async () => {
        child.removeAllListeners("exit");
        child.kill();
        await once(child, "exit");
      });
      for (const scenario of SCENARIOS) {
        const directory = await mkdtemp(join(tmpdir(), "conformance-"));
        t.after(() => rm(directory, { force: true, recursive: true }));
        const words = ["server", "--url", url, "--scenario", scenario, "--output-dir", directory];
        const options = ["--spec-version", revision, "--force"];
        await execute(process.execPath, [suite, ...words, ...options]).catch((error) => error);
        const checks = await checked(directory);
        const bad = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
        assert.deepEqual(bad, [], scenario);
        assert.ok(
          checks.some(({ status }) => status === "SUCCESS"),
          `${scenario} has tried something: ${JSON.stringify(checks)}`,
        );
      }
    });
  }
}
