// The launcher in place of the command, as after --ignore-scripts, with a stand-in executable.
import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";

import { root } from "../../scripts/tools.mjs";
import { cleanEnvironment, nodeLines, start, temporaryDirectory, windows } from "./support.mjs";

const { packageName } = createRequire(import.meta.url)("../../npm/platform.js");

/** A node_modules with the main package, and a platform package whose executable is this shell script. */
const withExecutable = (context, script) => {
  const modules = join(temporaryDirectory(context), "node_modules");
  cpSync(join(root, "npm"), join(modules, "mcp-proxy/npm"), { recursive: true });
  if (script) {
    const platform = join(modules, packageName());
    mkdirSync(platform);
    writeFileSync(join(platform, "package.json"), "{}");
    writeFileSync(join(platform, "mcp-proxy"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(platform, "mcp-proxy"), 0o755);
  }
  return join(modules, "mcp-proxy/npm/mcp-proxy");
};

for (const [line, node] of nodeLines()) {
  describe(line, { skip: windows && "the stand-in is a shell script" }, () => {
    test("passes every argument as it is", async (t) => {
      const launcher = withExecutable(t, `printf '<%s>' "$@"`);
      const { exited } = start(node, [launcher, "--port", "1.10", "", "a b", "--", "é*"]);
      assert.equal((await exited).stdout, "<--port><1.10><><a b><--><é*>");
    });

    test("shares the standard streams and the exit status", async (t) => {
      const launcher = withExecutable(t, "read -r line; echo out $line; echo err >&2; exit 7");
      const { child, exited } = start(node, [launcher]);
      child.stdin.end("in\n");
      assert.deepEqual(await exited, { code: 7, signal: null, stdout: "out in\n", stderr: "err\n" });
    });

    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
      test(`passes ${signal} on and waits for the end`, async (t) => {
        const launcher = withExecutable(
          t,
          `trap 'echo got ${signal}; exit 3' ${signal.slice(3)}; echo up; while :; do sleep 0.05; done`,
        );
        const { child, exited, line: printed } = start(node, [launcher]);
        await printed("up\n");
        child.kill(signal);
        assert.deepEqual(await exited, { code: 3, signal: null, stdout: `up\ngot ${signal}\n`, stderr: "" });
      });
    }

    test("ends by the signal that ended the executable", async (t) => {
      const { exited } = start(node, [withExecutable(t, "kill -KILL $$")]);
      assert.deepEqual(await exited, { code: null, signal: "SIGKILL", stdout: "", stderr: "" });
    });

    test("says which package is missing", async (t) => {
      const { code, stderr } = await start(node, [withExecutable(t)]).exited;
      assert.equal(code, 1);
      assert.match(
        stderr,
        new RegExp(`^mcp-proxy has no native part here: the package ${packageName()} is not installed\\.`),
      );
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  });
}

test("no Node process stays where Node can replace itself", async (t) => {
  const [, node] = nodeLines().find(([line]) => line === "node 24") ?? [];
  if (!node) return t.skip("no Node 24 for this platform");
  const { child, exited, line } = start(node, [withExecutable(t, "echo $$; read -r line")]);
  await line("\n");
  const image = realpathSync(`/proc/${child.pid}/exe`);
  child.stdin.end();
  assert.equal((await exited).stdout, `${child.pid}\n`);
  assert.notEqual(image, realpathSync(node));
});

test("the environment reaches the executable", { skip: windows }, async (t) => {
  const env = { ...cleanEnvironment(), MCP_PROXY_PORT: "9" };
  const { exited } = start(process.execPath, [withExecutable(t, "echo $MCP_PROXY_PORT")], { env });
  assert.equal((await exited).stdout, "9\n");
});
