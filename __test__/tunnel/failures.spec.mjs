// Failures around a tunnel with the real tunnel server, and how it recovers.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { describe, test } from "node:test";

import { freePort } from "../support/port.mjs";
import { connected, request, startServer, startSharedServer, startStub, startTunnel, until } from "./support.mjs";

const works = async (server, url) => {
  await connected(server, url);
  assert.equal((await request(url, "/hello")).text, `hello ${new URL(url).host}`);
};

describe("a tunnel", { concurrency: true }, () => {
  for (const [mode, start] of [
    ["a port of its own", startServer],
    ["the shared port", startSharedServer],
  ]) {
    test(`survives the death of a server with ${mode}`, async (t) => {
      const tunnelPort = start === startSharedServer ? await freePort() : undefined;
      const port = await freePort();
      const server = await startServer(t, { maxTcpSockets: 3, port, tunnelPort });
      const tunnel = startTunnel(t, server.host, { subdomain: "survivor" });
      const url = await tunnel.url();
      await works(server, url);
      await server.kill();
      await tunnel.line("does not register the tunnel: ");
      const again = await startServer(t, { maxTcpSockets: 3, port, tunnelPort });
      await tunnel.line(`tunnel re-established at ${url}`);
      await until(async () => (await again.connections("survivor")) === 3, "a full pool");
      await works(again, url);
    });
  }

  test("that is killed and started again keeps its subdomain", async (t) => {
    const server = await startServer(t, { maxTcpSockets: 2 });
    const first = startTunnel(t, server.host, { subdomain: "phoenix" });
    await works(server, await first.url());
    first.child.kill("SIGKILL");
    await first.exited;
    const second = startTunnel(t, server.host, { subdomain: "phoenix" });
    assert.equal(await second.url(), await first.url());
    await works(server, await second.url());
  });

  test("reports that its subdomain is taken, and works under the assigned one", async (t) => {
    const server = await startServer(t);
    const holder = startTunnel(t, server.host, { subdomain: "coveted" });
    const held = await holder.url();
    const second = startTunnel(t, server.host, { subdomain: "coveted" });
    const warning = await second.line("is taken on ");
    const [, wanted, given] = /"(.*)" is taken .* got "(.*)" instead/.exec(warning);
    assert.equal(wanted, "coveted");
    assert.equal(await second.url(), held.replace("coveted", given));
    await works(server, await second.url());
    await works(server, held);
  });

  test("that the server refuses fails with the server's words", async (t) => {
    const server = await startServer(t);
    const tunnel = startTunnel(t, server.host, { subdomain: "no" });
    assert.deepEqual(await tunnel.exited, [1, null]);
    await tunnel.line("no tunnel: Invalid subdomain. Subdomains must be lowercase and between 4 and 63");
  });

  test("waits for a server that is unavailable twice", async (t) => {
    const server = await startServer(t);
    const unavailable = (response) => response.writeHead(503).end();
    const host = await startStub(t, server.host, [unavailable, unavailable]);
    const tunnel = startTunnel(t, host, { subdomain: "patient" });
    await tunnel.url();
    await works(server, `http://patient.localhost:${server.port}`);
    assert.equal(tunnel.lines.filter((line) => line.includes("does not register the tunnel: 503")).length, 2);
  });

  test("whose pool port is closed is registered again", async (t) => {
    const server = await startServer(t);
    const port = await freePort();
    const closed = (response) => response.end(JSON.stringify({ id: "closed", port, url: server.host }));
    const host = await startStub(t, server.host, [closed]);
    const tunnel = startTunnel(t, host, { subdomain: "closed" });
    await tunnel.line("check your firewall settings");
    await tunnel.url();
    await works(server, `http://closed.localhost:${server.port}`);
  });

  test("is stopped by a signal while its server is away", async (t) => {
    const tunnel = startTunnel(t, `http://localhost:${await freePort()}`);
    await tunnel.line("does not register the tunnel: ");
    tunnel.child.kill("SIGINT");
    assert.deepEqual(await tunnel.exited, [0, null]);
  });

  test("that is closed is gone from the server", async (t) => {
    const server = await startServer(t);
    const tunnel = startTunnel(t, server.host, { subdomain: "leaving" });
    await works(server, await tunnel.url());
    tunnel.child.kill("SIGINT");
    assert.deepEqual(await tunnel.exited, [0, null]);
    await until(() => server.reports.some(({ closed }) => closed === "leaving"), "the end of the record");
    assert.equal((await request(await tunnel.url(), "/hello")).status, 404);
  });

  test("goes through the proxy that the environment names, registration and pool", async (t) => {
    const server = await startServer(t, { maxTcpSockets: 1 });
    const passed = [];
    const proxy = http.createServer(async (incoming, response) => {
      passed.push(incoming.url);
      response.end(await (await fetch(incoming.url)).text());
    });
    proxy.on("connect", (incoming, client) => {
      passed.push(incoming.url);
      const [host, port] = incoming.url.split(":");
      const upstream = net.connect(port, host, () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
      for (const [from, to] of [
        [upstream, client],
        [client, upstream],
      ]) {
        from.pipe(to);
        from.on("error", () => to.destroy());
      }
    });
    t.after(() => proxy.close());
    proxy.listen(0);
    await once(proxy, "listening");
    const environment = { HTTP_PROXY: `http://127.0.0.1:${proxy.address().port}`, NO_PROXY: "" };
    const tunnel = startTunnel(t, server.host, { environment, subdomain: "detour" });
    await works(server, await tunnel.url());
    assert.equal(passed[0], `${server.host}/detour`);
    assert.match(passed[1], /^localhost:\d+$/);
    tunnel.child.kill("SIGINT");
    await tunnel.exited;
  });
});
