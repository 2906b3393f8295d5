// `mcp-proxy --tunnel` with the real tunnel server, used by a real MCP client through the public URL.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { repositoryRoot, startProxy } from "../support/proxy.mjs";
import { fetchPublic, open, startServer, startSharedServer, until } from "./support.mjs";

const everything = ["node", "node_modules/@modelcontextprotocol/server-everything/dist/index.js", "stdio"];

const connect = async (t, url, headers = {}) => {
  const client = new Client({ name: "tunnel-test", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL("/mcp", url), {
    fetch: fetchPublic,
    requestInit: { headers },
  });
  await client.connect(transport);
  t.after(() => client.close());
  return client;
};

const start = async (t, server, flags = []) => {
  const proxy = await startProxy({
    command: everything,
    environment: { NO_PROXY: "localhost" },
    flags: ["--host", "127.0.0.1", "--tunnel", "--tunnelHost", server.host, ...flags],
  });
  t.after(() => proxy.kill());
  const line = await proxy.stdout.first((one) => one.startsWith("tunnel established at "), "the tunnel's line");
  return { proxy, url: line.split(" ").at(-1) };
};

describe("--tunnel", () => {
  for (const [mode, startTunnelServer] of [
    ["a port of its own", startServer],
    ["the shared port", startSharedServer],
  ]) {
    test(`a client lists and calls through ${mode}, and the proxy stops cleanly`, async (t) => {
      const server = await startTunnelServer(t, { maxTcpSockets: 5 });
      const { proxy, url } = await start(t, server, ["--tunnelSubdomain", "command"]);
      assert.equal(url, `http://command.localhost:${server.port}`);
      const client = await connect(t, url);
      const { tools } = await client.listTools();
      assert.ok(tools.some(({ name }) => name === "echo"));
      const calls = Array.from({ length: 20 }, (_, number) =>
        client.callTool({ arguments: { message: `number ${number}` }, name: "echo" }),
      );
      const texts = (await Promise.all(calls)).map(({ content }) => content[0].text);
      assert.deepEqual(
        texts,
        calls.map((_, number) => `Echo: number ${number}`),
      );
      await client.close();
      await proxy.stop();
      await until(async () => (await server.connections("command")) === 0, "an empty pool");
    });
  }

  test("the key is required through the tunnel, and a missing one is warned about", async (t) => {
    const server = await startServer(t, { maxTcpSockets: 3 });
    const guarded = await start(t, server, ["--apiKey", "secret", "--tunnelSubdomain", "guarded"]);
    assert.equal((await open(guarded.url, "/mcp", { body: "{}" })).statusCode, 401);
    const client = await connect(t, guarded.url, { "X-API-Key": "secret" });
    assert.ok((await client.listTools()).tools.length > 0);
    await client.close();
    assert.ok(!guarded.proxy.stderr.entries.some((line) => line.includes("--tunnel without --auth or --apiKey")));
    await guarded.proxy.stop();

    const public_ = await start(t, server, ["--tunnelSubdomain", "public"]);
    await public_.proxy.stderr.first((line) => line.includes("--tunnel without --auth or --apiKey"), "the warning");
    await public_.proxy.stop();
  });

  test("a taken subdomain is reported, and the URL is the one that works", async (t) => {
    const server = await startServer(t, { maxTcpSockets: 3 });
    const first = await start(t, server, ["--tunnelSubdomain", "wanted"]);
    const second = await start(t, server, ["--tunnelSubdomain", "wanted"]);
    assert.notEqual(second.url, first.url);
    await second.proxy.stderr.first((line) => line.includes("wanted"), "the taken subdomain");
    assert.ok((await (await connect(t, second.url)).listTools()).tools.length > 0);
    await Promise.all([first.proxy.stop(), second.proxy.stop()]);
  });

  test("a refused registration ends the start with the server's reason", async (t) => {
    const server = await startServer(t);
    const flags = ["--port", "0", "--tunnel", "--tunnelHost", server.host, "--tunnelSubdomain", "no"];
    const child = spawn("target/debug/mcp-proxy", [...flags, "--", ...everything], {
      cwd: repositoryRoot,
      env: { ...process.env, NO_PROXY: "localhost" },
    });
    const [output, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    assert.equal(code, 1);
    assert.match(output, /could not start the proxy: .*Invalid subdomain/s);
  });
});
