// Requests through a tunnel with the real tunnel server, in both of its port modes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";

import { connected, open, request, startServer, startSharedServer, startTunnel, until } from "./support.mjs";

const hello = async (url) => assert.equal((await request(url, "/hello")).text, `hello ${new URL(url).host}`);

/** A server, and a tunnel to it with this `subdomain`. */
const connect = async (t, start, subdomain, maxTcpSockets) => {
  const server = await start(t, { maxTcpSockets });
  const tunnel = startTunnel(t, server.host, { subdomain });
  const url = await tunnel.url();
  assert.equal(url, `http://${subdomain}.localhost:${server.port}`);
  await connected(server, url);
  return { server, tunnel, url, full: () => filled(server, subdomain, maxTcpSockets) };
};

const filled = (server, id, count) => until(async () => (await server.connections(id)) === count, `a pool of ${count}`);

describe("the real tunnel server", { concurrency: true }, () => {
  for (const [mode, start] of [
    ["a port of its own", startServer],
    ["the shared port", startSharedServer],
  ]) {
    describe(`through ${mode}`, { concurrency: true }, () => {
      test("requests, bodies and answers cross", async (t) => {
        const { url, full } = await connect(t, start, "crossing", 3);
        await hello(url);
        const body = "x".repeat(300_000);
        assert.deepEqual(await request(url, "/echo", { body }), { status: 200, text: body });
        assert.equal((await request(url, "/nothing")).status, 404);
        await full();
      });

      test("an event arrives before its stream ends", async (t) => {
        const { url } = await connect(t, start, "events", 3);
        const response = await open(url, "/events?silence=600");
        assert.equal(response.headers["content-type"], "text/event-stream");
        const [chunk] = await once(response, "data");
        assert.equal(chunk.toString(), "data: one\n\n");
        response.destroy();
      });

      test("a stream that is silent for 40 s ends properly, and its connection is replaced", async (t) => {
        const { url, full } = await connect(t, start, "silence", 1);
        assert.equal((await request(url, "/events?silence=40")).text, "data: one\n\ndata: two\n\n");
        await full();
        await hello(url);
      });

      test("parallel calls queue at a pool of one", async (t) => {
        const { url, full } = await connect(t, start, "queueing", 1);
        const answers = await Promise.all([1, 2, 3].map(() => request(url, "/slow")));
        assert.deepEqual(
          answers.map(({ text }) => text),
          ["slow", "slow", "slow"],
        );
        await full();
      });

      test("parallel calls run side by side at a pool of five", async (t) => {
        const { url, full } = await connect(t, start, "parallel", 5);
        await full();
        const streams = await Promise.all([1, 2, 3, 4].map(() => open(url, "/events?silence=600")));
        await hello(url);
        for (const stream of streams) stream.destroy();
        await full();
        await hello(url);
      });

      test("a pool without an announced size grows while streams are open", async (t) => {
        const { server, url } = await connect(t, start, "growing");
        const streams = [];
        while (streams.length < 9) streams.push(await open(url, "/events?silence=600"));
        await hello(url);
        await filled(server, "growing", 10);
        for (const stream of streams) stream.destroy();
        await hello(url);
      });

      test("a thousand requests in a row leave a full pool and no open files", async (t) => {
        const { tunnel, url, full } = await connect(t, start, "thousand", 2);
        const files = () => process.platform !== "linux" || readdirSync(`/proc/${tunnel.child.pid}/fd`).length;
        await hello(url);
        await full();
        const before = files();
        for (let count = 0; count < 1000; count++) await hello(url);
        await full();
        await until(() => files() <= before, "closing of files");
      });

      test("clients that leave in mid-response use no resources", async (t) => {
        const { url, full } = await connect(t, start, "leaving", 2);
        for (let count = 0; count < 20; count++) {
          const response = await open(url, "/events?silence=600");
          await once(response, "data");
          response.destroy();
        }
        await full();
        await hello(url);
      });
    });
  }
});
