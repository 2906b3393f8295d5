// Unmodified SDK clients sign in at a real authorization server, from 401 to tools, through one
// command line with `--auth`.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { sdks } from "../clients/sdk.mjs";
import { servers } from "../clients/servers.mjs";
import { startProxy } from "../support/proxy.mjs";
import { Person } from "./person.mjs";
import { startProvider } from "./provider.mjs";

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
});
