// The tarballs of the development build, installed the way a user installs them.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { root } from "../../scripts/tools.mjs";
import { installIn, nodeLines, packDevelopmentBuild, run, temporaryDirectory, windows } from "./support.mjs";

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const exported = [
  "AuthenticationMiddleware",
  "DEFAULT_ALLOWED_HEADERS",
  "InMemoryEventStore",
  "ServerType",
  "acquireListenSubscriptions",
  "getUpstreamBridge",
  "proxyServer",
  "replayTransport",
  "resolveVersionNegotiation",
  "startHTTPServer",
  "startStdioServer",
  "tapTransport",
];

describe("installed from its tarballs", () => {
  const directory = temporaryDirectory({ after });
  const [linked, launched] = [join(directory, "linked"), join(directory, "launched")];
  const main = join(linked, "node_modules/mcp-proxy");

  before(() => {
    const tarballs = packDevelopmentBuild(join(directory, "out"));
    installIn(linked, Object.values(tarballs));
    installIn(launched, Object.values(tarballs), "--ignore-scripts");
  });

  test("installs nothing but itself and the platform's package", () => {
    const packages = readdirSync(join(linked, "node_modules")).filter((name) => !name.startsWith("."));
    assert.equal(packages.length, 2);
    assert.match(packages[1], /^mcp-proxy-/);
  });

  test("publishes what it needs and nothing else", () => {
    assert.deepEqual(
      readdirSync(main).filter((name) => !/^(README|LICENSE)/.test(name)),
      ["crates", "index.d.ts", "index.js", "npm", "package.json"],
    );
    assert.deepEqual(readdirSync(join(main, "npm")), ["launch.js", "mcp-proxy", "platform.js", "postinstall.js"]);
  });

  test("the command is the native executable itself", { skip: windows }, () => {
    const [platform] = readdirSync(join(linked, "node_modules")).filter((name) => name.startsWith("mcp-proxy-"));
    const executable = join(linked, "node_modules", platform, "mcp-proxy");
    assert.equal(statSync(join(main, "npm/mcp-proxy")).ino, statSync(executable).ino);
  });

  test("the command answers --version", () => {
    for (const project of [linked, launched]) {
      assert.equal(run("npx", ["--no-install", "mcp-proxy", "--version"], { cwd: project }).split(/\r?\n/)[0], version);
    }
  });

  for (const [line, node] of nodeLines()) {
    const evaluate = (...args) => run(node, args, { cwd: linked, shell: false }).trim();
    const names =
      "console.log(Object.keys(api).filter((name) => !['default', 'module.exports'].includes(name)).sort().join())";

    test(`${line} requires it`, () => {
      assert.equal(evaluate("-e", `const api = require("mcp-proxy"); ${names}`), exported.join());
    });

    test(`${line} imports it`, () => {
      assert.equal(
        evaluate("--input-type=module", "-e", `import * as api from "mcp-proxy"; ${names}`),
        exported.join(),
      );
    });

    test(`${line} loads the addon`, () => {
      const load = `require("./node_modules/mcp-proxy/crates/node/js/addon.js").coreVersion()`;
      assert.equal(evaluate("-p", load), version);
    });

    test(`${line} runs the command through the launcher`, () => {
      const launcher = join(launched, "node_modules/mcp-proxy/npm/mcp-proxy");
      assert.equal(run(node, [launcher, "--version"], { shell: false }).split(/\r?\n/)[0], version);
    });
  }
});
