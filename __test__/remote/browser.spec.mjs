// The browser for signing in: which one is opened, with what, and what happens if there is none.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";

import { repositoryRoot } from "../support/proxy.mjs";
import { Stdio } from "../support/stdio.mjs";
import { Guarded } from "./guarded.mjs";

const binary = process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy");
const NONE = /no browser could be opened here; open the URL above in any browser/;

describe("signing in", { skip: process.platform !== "linux" && "for Linux only" }, () => {
  let directory, peer, server;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "mcp-proxy-browser-"));
    server = new Guarded();
    await server.open();
  });

  afterEach(async () => {
    peer.kill();
    server.close();
    await rm(directory, { force: true, recursive: true });
  });

  /** A program that records what it should open, and opens it if told so. */
  const browser = async (name, { opens = true } = {}) => {
    const program = join(directory, name);
    const opening = opens ? "fetch(words.find((word) => word.startsWith('http')))" : "process.exitCode = 3";
    const note = `require("node:fs").writeFileSync(${JSON.stringify(`${program}.words`)}, JSON.stringify(words))`;
    const names = `Object.keys(process.env).filter((name) => /^mcp_?proxy/i.test(name))`;
    const tell = `require("node:fs").writeFileSync(${JSON.stringify(`${program}.names`)}, JSON.stringify(${names}))`;
    const script = `#!${process.execPath}\nconst words = process.argv.slice(2);\n${note};\n${tell};\n${opening};\n`;
    await writeFile(program, script, { mode: 0o755 });
    return program;
  };

  const opened = async (name) => JSON.parse(await readFile(join(directory, `${name}.words`), "utf8"));

  /** A proxy without any programs except for those of the test. */
  const start = (environment = {}, complain) => {
    const words = ["--tokenDir", directory, "--tokenStore", "file"];
    const among = { BROWSER: "", PATH: directory, ...environment };
    peer = new Stdio([binary, server.url, ...words], { complain, environment: among });
    return peer;
  };

  const printed = () => peer.stderr.entries.map((line) => line.trim()).find((line) => line.startsWith("http"));

  /** A user who reads what is printed, and opens it. */
  const reader = (line) => {
    if (line.trim().startsWith("http")) fetch(line.trim()).catch(() => {});
  };

  test("the system opens the URL, which is printed too", async () => {
    await browser("xdg-open");
    assert.match(await start().greet(), /serverInfo/);
    assert.deepEqual(await opened("xdg-open"), [printed()]);
    assert.match(printed(), /authorize\?response_type=code&client_id=.*&code_challenge_method=S256/);
    assert.doesNotMatch(peer.stderr.entries.join("\n"), NONE);
  });

  test("it inherits none of the proxy's own variables", async () => {
    await browser("xdg-open");
    const own = { MCP_PROXY_API_KEY: "secret", MCP_PROXY_apiKey: "secret", MCPPROXY_CLIENT_SECRET: "secret" };
    assert.match(await start(own).greet(), /serverInfo/);
    assert.deepEqual(JSON.parse(await readFile(join(directory, "xdg-open.names"), "utf8")), []);
  });

  test("the program that BROWSER names comes before the system's", async () => {
    await browser("xdg-open");
    const own = await browser("own");
    assert.match(await start({ BROWSER: `/no/such/browser:${own} --new %s --now` }).greet(), /serverInfo/);
    assert.deepEqual(await opened("own"), ["--new", printed(), "--now"]);
    await assert.rejects(opened("xdg-open"), { code: "ENOENT" });
  });

  test("without a browser, the printed URL is enough", async () => {
    assert.match(await start({}, reader).greet(), /serverInfo/);
    assert.match(peer.stderr.entries.join("\n"), NONE);
    assert.equal(server.counts.authorize, 1);
  });

  test("a browser that fails is reported", async () => {
    await browser("xdg-open", { opens: false });
    const told = [];
    const complain = (line) => {
      told.push(line.trim());
      // The URL is opened only after it was checked that nothing else opens it.
      if (NONE.test(line)) reader(told.find((earlier) => earlier.startsWith("http")));
    };
    assert.match(await start({}, complain).greet(), /serverInfo/);
    assert.deepEqual(await opened("xdg-open"), [printed()]);
  });
});
