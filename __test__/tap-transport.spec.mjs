import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Client, InMemoryTransport as TransportV2 } from "@modelcontextprotocol/client";
import { InMemoryTransport as TransportV1 } from "@modelcontextprotocol/sdk/inMemory.js";
import { Server } from "@modelcontextprotocol/server";
import { tapTransport } from "mcp-proxy";

/** A transport that keeps the arguments of each call. */
const recording = () => {
  const calls = [];
  const record =
    (name) =>
    (...args) =>
      calls.push([name, ...args]);
  const transport = { sessionId: "s" };
  for (const name of ["close", "onclose", "onerror", "onmessage", "send", "start"]) transport[name] = record(name);
  return { calls, transport };
};

describe("tapTransport", () => {
  test("returns the transport it was given", () => {
    const { transport } = recording();
    assert.equal(
      tapTransport(transport, () => {}),
      transport,
    );
  });

  test("reports everything, and then passes it on with every argument", async () => {
    const { calls, transport } = recording();
    tapTransport(transport, (event) => calls.push(event));
    const error = new Error("broken");
    const [request, answer] = [
      { id: 1, jsonrpc: "2.0", method: "ping" },
      { id: 1, jsonrpc: "2.0", result: {} },
    ];
    await transport.start();
    await transport.send(answer, { relatedRequestId: 1 });
    transport.onmessage(request, { authInfo: { token: "t" } });
    transport.onerror(error);
    await transport.close();
    transport.onclose();
    assert.deepEqual(calls, [
      { type: "start" },
      ["start"],
      { message: answer, type: "send" },
      ["send", answer, { relatedRequestId: 1 }],
      { message: request, type: "onmessage" },
      ["onmessage", request, { authInfo: { token: "t" } }],
      { error, type: "onerror" },
      ["onerror", error],
      { type: "close" },
      ["close"],
      { type: "onclose" },
      ["onclose"],
    ]);
  });

  test("needs no callbacks on the transport", () => {
    const { transport } = recording();
    for (const name of ["onclose", "onerror", "onmessage"]) delete transport[name];
    const events = [];
    tapTransport(transport, ({ type }) => events.push(type));
    transport.onmessage({});
    transport.onclose();
    assert.deepEqual(events, ["onmessage", "onclose"]);
  });

  test("refuses what is not a transport", () => {
    assert.throws(() => tapTransport({ close() {}, start() {} }, () => {}), TypeError);
  });

  test("a call rejects with what the event handler throws", async () => {
    const { calls, transport } = recording();
    tapTransport(transport, () => {
      throw new Error("no");
    });
    await assert.rejects(transport.send({}), /^Error: no$/);
    assert.throws(() => transport.onmessage({}), /^Error: no$/);
    assert.deepEqual(calls, []);
  });

  for (const [sdk, Transport] of Object.entries({ v1: TransportV1, v2: TransportV2 })) {
    test(`sees a conversation of the ${sdk} SDK's transport in order`, async () => {
      const [near, far] = Transport.createLinkedPair();
      const server = new Server({ name: "server", version: "1" }, { capabilities: { tools: {} } });
      server.setRequestHandler("tools/list", () => ({ tools: [] }));
      await server.connect(far);
      const seen = [];
      const client = new Client({ name: "client", version: "1" });
      await client.connect(
        tapTransport(near, ({ message, type }) => seen.push(`${type} ${message?.method ?? ""}`.trim())),
      );
      await client.listTools();
      await client.close();
      const conversation = ["start", "send initialize", "onmessage", "send notifications/initialized"];
      assert.deepEqual(seen.slice(0, 7), [...conversation, "send tools/list", "onmessage", "close"]);
      assert.ok(seen.includes("onclose"));
    });
  }
});
