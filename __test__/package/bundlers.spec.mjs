// Programs that a bundler has put into one file, with or without the package.
import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { spawnSync } from "node:child_process";

import { build } from "esbuild";

import { cleanEnvironment, installIn, packDevelopmentBuild, temporaryDirectory } from "./support.mjs";

const PROGRAM = `
import { startHTTPServer } from "mcp-proxy";
const createServer = async () => ({ close: async () => {}, connect: async () => {} });
const server = await startHTTPServer({ createServer, host: "127.0.0.1", port: 0 });
const { status } = await fetch("http://127.0.0.1:" + server.port + "/ping");
console.log("served " + status);
await server.close();
`;
/** How an ES module can have `require`. */
const BANNER = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
/** As Turbopack has it, the bundler of Next.js: a path that exists nowhere. */
const MADE_UP = { __filename: '"/ROOT/node_modules/mcp-proxy/npm/platform.js"' };
const SENTENCE = /a native part, which a bundle cannot hold.*--external:mcp-proxy.*serverExternalPackages/;

describe("a bundle", () => {
  const directory = temporaryDirectory({ after });
  const [project, elsewhere] = [join(directory, "project"), join(directory, "elsewhere")];

  before(() => {
    installIn(project, Object.values(packDevelopmentBuild(join(directory, "out"))));
    mkdirSync(elsewhere);
    // Our users' command line is not a module with top-level `await` if CommonJS is required.
    writeFileSync(join(project, "in.mjs"), PROGRAM);
    writeFileSync(
      join(project, "in.cjs.mjs"),
      PROGRAM.replace("\nconst createServer", "\n(async () => {\nconst createServer") + "})();",
    );
  });

  const bundle = async (name, options) => {
    const outfile = join(project, "dist", name);
    const entry = options.format === "cjs" ? "in.cjs.mjs" : "in.mjs";
    const given = { bundle: true, entryPoints: [join(project, entry)], logLevel: "silent", platform: "node" };
    await build({ ...given, outfile, ...options });
    return outfile;
  };

  const run = (file, cwd) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [file], {
      cwd,
      encoding: "utf8",
      env: cleanEnvironment(),
    });
    return { printed: stdout.trim(), status, stderr };
  };

  for (const [name, options] of [
    ["external.mjs", { external: ["mcp-proxy"], format: "esm" }],
    ["external.cjs", { external: ["mcp-proxy"], format: "cjs" }],
    ["inside.cjs", { format: "cjs" }],
    ["minified.cjs", { format: "cjs", minify: true }],
    ["banner.mjs", { banner: { js: BANNER }, format: "esm" }],
    ["made-up.cjs", { define: MADE_UP, format: "cjs" }],
  ]) {
    test(`${name} works where the package is installed`, async () => {
      const file = await bundle(name, options);
      for (const cwd of [project, elsewhere]) {
        const { printed, stderr } = run(file, cwd);
        assert.equal(printed, "served 200", stderr);
      }
    });
  }

  test("one that cannot work says what to configure", async () => {
    const modules = await bundle("inside.mjs", { format: "esm" });
    const common = await bundle("moved.cjs", { format: "cjs" });
    const moved = join(elsewhere, "moved.cjs");
    copyFileSync(common, moved);
    const madeUp = join(elsewhere, "made-up.cjs");
    copyFileSync(await bundle("made-up.cjs", { define: MADE_UP, format: "cjs" }), madeUp);
    for (const file of [modules, moved, madeUp]) {
      const { status, stderr } = run(file, elsewhere);
      assert.equal(status, 1);
      assert.match(stderr, SENTENCE);
    }
  });

  test("a copy of the files that were found by tracing says what else is needed", async () => {
    const external = await bundle("traced.cjs", { external: ["mcp-proxy"], format: "cjs" });
    const traced = join(directory, "traced");
    cpSync(join(project, "node_modules/mcp-proxy"), join(traced, "node_modules/mcp-proxy"), { recursive: true });
    copyFileSync(external, join(traced, "traced.cjs"));
    const { status, stderr } = run(join(traced, "traced.cjs"), traced);
    assert.equal(status, 1);
    assert.match(stderr, /is not installed.*outputFileTracingIncludes: \{ '\/\*': \['\.\/node_modules\/mcp-proxy-/);
  });
});
