// Unmodified SDK clients sign in at a real authorization server, from 401 to tools, through one
// command line with `--auth`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";

import { sdks } from "../clients/sdk.mjs";
import { servers } from "../clients/servers.mjs";
import { startProxy } from "../support/proxy.mjs";
import { environment } from "../support/python.mjs";
import { Person } from "./person.mjs";
import { browse, startProvider } from "./provider.mjs";

const SCRIPT = fileURLToPath(new URL("python/sign_in.py", import.meta.url));

describe("signing in", () => {
  let provider;
  let proxy;
  before(async () => {
    provider = await startProvider();
    const { command } = await servers.everything.open();
    proxy = await startProxy({
      command,
      flags: ["--auth", provider.issuer, "--authScopes", "files", "--host", "127.0.0.1"],
    });
  });
  after(async () => {
    await proxy?.stop();
    provider?.close();
  });

  for (const kind of sdks) {
    for (const endpoint of ["/mcp", "/sse"]) {
      test(`${kind.name} on ${endpoint}`, async () => {
        const alice = new Person(kind, proxy.url + endpoint, "alice");
        const client = await alice.signIn();
        const { tools } = await client.listTools();
        assert.ok(tools.some(({ name }) => name === "echo"));
        const result = await kind.callTool(client, { arguments: { message: "hello" }, name: "echo" });
        assert.match(result.content[0].text, /hello/);
        await client.close();
      });
    }
  }

  for (const endpoint of ["/mcp", "/sse"]) {
    test(`the Python SDK on ${endpoint}`, async () => {
      const python = spawn(await environment(), ["-W", "ignore", SCRIPT, proxy.url + endpoint], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const closed = once(python, "close");
      const lines = [];
      for await (const line of createInterface({ input: python.stdout })) {
        lines.push(line);
        if (line.startsWith(provider.issuer)) python.stdin.write(`${await browse(line, "alice")}\n`);
      }
      assert.deepEqual(await closed, [0, null], lines.join("\n"));
      assert.equal(lines.length, 2, lines.join("\n"));
      assert.match(lines[1], /hello/);
    });
  }

  const ISSUER = "/.well-known/oauth-authorization-server";

  test("clients of 2025-03-26 find the issuer's metadata here, if that is wanted", async (t) => {
    const own = await (await fetch(provider.issuer + "/.well-known/openid-configuration")).json();
    const { command } = await servers.everything.open();
    const flags = ["--auth", provider.issuer, "--host", "127.0.0.1", "--authMirror"];
    const mirroring = await startProxy({ command, flags });
    t.after(() => mirroring.stop());
    for (const path of ["", "/", "/mcp", "/sse"]) {
      const response = await fetch(mirroring.url + ISSUER + path, { headers: { origin: "https://app.example" } });
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      assert.deepEqual(await response.json(), own, path);
    }
    assert.equal((await fetch(`${mirroring.url}${ISSUER}/nowhere`)).status, 404);
    assert.equal((await fetch(mirroring.url + ISSUER, { method: "POST" })).status, 405);
    assert.equal((await fetch(proxy.url + ISSUER)).status, 401, "only if it is asked for");
  });

  test("an issuer without metadata is not mirrored", async (t) => {
    const { command } = await servers.everything.open();
    const issuer = `http://127.0.0.1:${new URL(provider.issuer).port}/tenant`;
    const flags = ["--auth", issuer, "--authAudience", "x", "--host", "127.0.0.1", "--authMirror"];
    const mirroring = await startProxy({ command, flags });
    t.after(() => mirroring.stop());
    assert.equal((await fetch(mirroring.url + ISSUER)).status, 404);
  });
});
