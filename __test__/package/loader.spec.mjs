// The platform's package alone: the executable, and the addon with the command in it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { root } from "../../scripts/tools.mjs";
import { cleanEnvironment, packDevelopmentBuild, start, temporaryDirectory, windows } from "./support.mjs";

const { fileNames, nativePath, packageName } = createRequire(import.meta.url)("../../npm/platform.js");

const names = fileNames();
const stubborn = join(root, "__test__/fixtures/stubborn.mjs");

const run = (program, words, input = "") => {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", env: cleanEnvironment(), input });
  return { status, stdout, stderr };
};

/** Resolves once this process does not exist. */
const gone = async (pid) => {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** The pid of the one server behind a proxy. */
const serverOf = async (url) => {
  const post = async (message, session) => {
    const answer = await fetch(url, {
      method: "POST",
      headers: {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...(session && { "mcp-session-id": session }),
      },
      body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    });
    return { session: answer.headers.get("mcp-session-id"), text: await answer.text() };
  };
  const clientInfo = { name: "test", version: "1" };
  const params = { capabilities: {}, clientInfo, protocolVersion: "2025-06-18" };
  const { session } = await post({ id: 1, method: "initialize", params });
  const { text } = await post({ id: 2, method: "tools/call", params: { name: "pid" } }, session);
  return Number(/"text":"(\d+)"/.exec(text)[1]);
};

describe("the platform's package", () => {
  const directory = temporaryDirectory({ after });
  const loader = join(directory, packageName(), names.executable);

  before(() => packDevelopmentBuild(directory));

  /** A listening proxy, with a server that ends only when it is killed. */
  const proxy = async () => {
    const proxy = start(loader, ["--host", "127.0.0.1", "--port", "0", "--", process.execPath, stubborn]);
    const url = `${/listening on (\S+)/.exec(await proxy.line("try it"))[1]}/mcp`;
    return { ...proxy, server: await serverOf(url) };
  };

  test("contains the core once", () => {
    const size = (name) => statSync(join(directory, packageName(), name)).size;
    assert.ok(size(names.executable) * 5 < size(names.addon));
    assert.equal(readdirSync(join(directory, packageName())).length, 4);
  });

  test("answers as an executable that needs no addon", () => {
    for (const words of [
      ["--version"],
      ["--help"],
      [],
      ["--port", "1.10", "--", "x"],
      ["--é*=", "", "a b"],
      ["--guard-server-processes"],
      ["--host", "127.0.0.1", "--port", "0", "--", "no-such-program"],
    ]) {
      assert.deepEqual(run(loader, words), run(nativePath("executable"), words), words.join(" "));
    }
  });

  test("stops at a signal, and its server with it", { skip: windows }, async () => {
    const { child, exited, server } = await proxy();
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await exited;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.match(stdout, /received shutdown signal; shutting down\n$/);
    await gone(server);
  });

  test("leaves no server behind when it is killed", { skip: windows }, async () => {
    const { child, exited, server } = await proxy();
    child.kill("SIGKILL");
    await exited;
    await gone(server);
  });

  test("finds the addon through a symbolic link", { skip: windows }, () => {
    const link = join(directory, "link");
    symlinkSync(loader, link);
    assert.equal(run(link, ["--version"]).status, 0);
  });

  test("says which file is missing or broken", () => {
    const alone = join(directory, "alone");
    mkdirSync(alone);
    const copy = join(alone, names.executable);
    copyFileSync(loader, copy);
    const missing = run(copy, ["--version"]);
    assert.deepEqual({ ...missing, stderr: "" }, { status: 1, stdout: "", stderr: "" });
    assert.ok(
      missing.stderr.startsWith(`mcp-proxy: the command itself is in ${names.addon}, which is neither beside `),
    );
    assert.ok(missing.stderr.includes(packageName()), missing.stderr);

    writeFileSync(join(alone, names.addon), "no addon");
    const broken = run(copy, ["--version"]);
    assert.deepEqual({ ...broken, stderr: "" }, { status: 1, stdout: "", stderr: "" });
    assert.match(
      broken.stderr,
      /^mcp-proxy: cannot load \S+mcp-proxy\.node: .+\. Install the package mcp-proxy again\n$/,
    );
  });
});
