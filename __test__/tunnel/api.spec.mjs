// `startHTTPServer({ tunnel })` with the real tunnel server, used by a real client through the public URL.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { describe, test } from "node:test";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { serve, serverV1, serverV2 } from "../startHTTPServer/support.mjs";
import { freePort } from "../support/port.mjs";
import { fetchPublic, startServer, startStub, until } from "./support.mjs";

// The tunnel server of these tests runs on this machine.
process.env.NO_PROXY = "localhost";

const connect = async (t, url, headers = {}) => {
  const client = new Client({ name: "tunnel-test", version: "1.0.0" });
  const address = new URL("/mcp", url);
  await client.connect(new StreamableHTTPClientTransport(address, { fetch: fetchPublic, requestInit: { headers } }));
  t.after(() => client.close());
  return client;
};

describe("startHTTPServer({ tunnel })", () => {
  for (const [sdk, createServer] of [
    ["v1", async () => serverV1()],
    ["v2", async () => serverV2()],
  ]) {
    test(`a client calls a ${sdk} server through the public URL, until it is closed`, async (t) => {
      const tunnelServer = await startServer(t, { maxTcpSockets: 3 });
      const tunnel = { host: tunnelServer.host, subdomain: "embedded" };
      const server = await serve(t, { apiKey: "secret", createServer, tunnel });
      assert.equal(server.tunnel.url, `http://embedded.localhost:${tunnelServer.port}`);
      await assert.rejects(connect(t, server.tunnel.url), /401|Unauthorized/);
      const client = await connect(t, server.tunnel.url, { "X-API-Key": "secret" });
      const { content } = await client.callTool({ arguments: {}, name: "who" });
      assert.equal(content[0].type, "text");
      await client.close();
      await server.close();
      await until(async () => (await tunnelServer.connections("embedded")) === 0, "an empty pool");
      assert.equal(server.tunnel.url, `http://embedded.localhost:${tunnelServer.port}`);
    });
  }

  test("a stdio server is reached as well, and callbacks decide about its requests", async (t) => {
    const tunnelServer = await startServer(t, { maxTcpSockets: 3 });
    const command = [process.execPath, fileURLToPath(new URL("../fixtures/everything-legacy.mjs", import.meta.url))];
    const { tunnel } = await serve(t, {
      authenticate: async ({ headers }) => headers["x-user"] === "ann",
      createServer: undefined,
      tunnel: { host: tunnelServer.host },
      upstream: { args: command.slice(1), command: command[0] },
    });
    const client = await connect(t, tunnel.url, { "x-user": "ann" });
    assert.ok((await client.listTools()).tools.length > 0);
  });

  test("a file can ask for a tunnel, and the option overrides it", async (t) => {
    const tunnelServer = await startServer(t, { maxTcpSockets: 3 });
    const fixture = fileURLToPath(new URL("../fixtures/everything-legacy.mjs", import.meta.url));
    const config = {
      "mcp-proxy": { apiKey: "secret", tunnel: true, tunnelHost: tunnelServer.host, tunnelSubdomain: "filed" },
      mcpServers: { one: { args: [fixture], command: process.execPath } },
    };
    const { tunnel } = await serve(t, { config, createServer: undefined });
    assert.equal(tunnel.url, `http://filed.localhost:${tunnelServer.port}`);
    const client = await connect(t, tunnel.url, { "X-API-Key": "secret" });
    assert.ok((await client.listTools()).tools.length > 0);
    const without = await serve(t, { config, createServer: undefined, tunnel: false });
    assert.equal(without.tunnel, undefined);
  });

  test("a tunnel server that refuses rejects the start, and the port is free again", async (t) => {
    const { host } = await startServer(t);
    const port = await freePort();
    await assert.rejects(serve(t, { port, tunnel: { host, subdomain: "no" } }), /tunnel.*Invalid subdomain/s);
    const server = await serve(t, { port });
    assert.equal(server.port, port);
    assert.equal("tunnel" in server, false);
  });

  test("waits for a tunnel server that is briefly down", async (t) => {
    const { host } = await startServer(t, { maxTcpSockets: 1 });
    const unavailable = (response) => response.writeHead(503).end();
    const stub = await startStub(t, host, [unavailable]);
    const { tunnel } = await serve(t, { tunnel: { host: stub } });
    assert.match(tunnel.url, /^http:\/\/.+\.localhost/);
  });
});
