import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Client } from "@modelcontextprotocol/client";
import { acquireListenSubscriptions, getUpstreamBridge, resolveVersionNegotiation } from "mcp-proxy";

import { connectDownstream, connectUpstream, everyCapability, majors, wire } from "./support/sdk-pair.mjs";

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";

const done = () => ({ result: {} });

/** A v2 client of a 2026-07-28 upstream that acknowledges every listen stream, unless told otherwise. */
const connectModernUpstream = async ({ capabilities = everyCapability, listens } = {}) => {
  const upstream = wire();
  const { send } = upstream.transport;
  const discovered = { capabilities, resultType: "complete", supportedVersions: ["2026-07-28"] };
  const acknowledge = ({ id, params }) => ({
    method: "notifications/subscriptions/acknowledged",
    params: { _meta: { [SUBSCRIPTION_ID]: id }, notifications: params.notifications },
  });
  const answer = {
    "server/discover": ({ id }) => ({ id, result: { ...discovered, cacheScope: "private", ttlMs: 0 } }),
    "subscriptions/listen": listens ?? acknowledge,
  };
  upstream.transport.send = async (message) => {
    await send(message);
    const reply = answer[message.method]?.(message);
    if (reply) queueMicrotask(() => upstream.write(reply));
  };
  const client = new Client(
    { name: "proxy", version: "1.0.0" },
    { versionNegotiation: resolveVersionNegotiation("modern") },
  );
  await client.connect(upstream.transport);
  const listened = () => upstream.received.entries.filter(({ method }) => method === "subscriptions/listen");
  return { client, listened, upstream };
};

const cancelOf = ({ received }, id) =>
  received.first(
    ({ method, params }) => method === "notifications/cancelled" && params.requestId === id,
    `end of ${id}`,
  );

const listChanged = { promptsListChanged: true, resourcesListChanged: true, toolsListChanged: true };

for (const major of Object.keys(majors)) {
  describe(`getUpstreamBridge with a ${major} client of a 2025 upstream`, () => {
    test("passes every notification to the matching member of the sink", async () => {
      const { client, upstream } = await connectUpstream(major);
      const bridge = getUpstreamBridge({ client });
      const calls = [];
      const members = ["loggingMessage", "promptsListChanged", "resourceUpdated", "resourcesListChanged"];
      const changed = new Promise((resolve) => {
        const sink = Object.fromEntries(members.map((member) => [member, (params) => calls.push([member, params])]));
        bridge.subscribe({ ...sink, toolsListChanged: resolve });
      });
      const sent = [
        ["notifications/message", { data: 1, level: "info", vendor: true }],
        ["notifications/prompts/list_changed"],
        ["notifications/resources/updated", { uri: "x:y", vendor: true }],
        ["notifications/resources/list_changed"],
        ["notifications/tools/list_changed"],
      ];
      for (const [method, params] of sent) upstream.write({ method, ...(params && { params }) });
      await changed;
      assert.deepEqual(
        calls,
        members.map((member, index) => [member, sent[index][1]]),
      );
    });

    test("leaves other notifications to the client's own fallback, and all of them after close", async () => {
      const { client, upstream } = await connectUpstream(major);
      const seen = [];
      client.fallbackNotificationHandler = async ({ method }) => void seen.push(method);
      const bridge = getUpstreamBridge({ client });
      upstream.write({ method: "notifications/vendor/news" });
      upstream.write({ method: "notifications/tools/list_changed" });
      await new Promise(setImmediate);
      assert.deepEqual(seen, ["notifications/vendor/news"]);
      await bridge.close();
      await bridge.close();
      upstream.write({ method: "notifications/tools/list_changed" });
      await new Promise(setImmediate);
      assert.deepEqual(seen, ["notifications/vendor/news", "notifications/tools/list_changed"]);
    });

    test("tells a lease which subscriptions it owns", async () => {
      const { client } = await connectUpstream(major, { "resources/subscribe": done, "resources/unsubscribe": done });
      const lease = getUpstreamBridge({ client }).subscribe({});
      assert.equal(lease.owns("x:y"), false);
      await lease.addResourceSubscription("x:y");
      assert.equal(lease.owns("x:y"), true);
      await lease.removeResourceSubscription("x:y");
      assert.equal(lease.owns("x:y"), false);
    });

    test("does not subscribe for a lease that was released", async () => {
      const { client, upstream } = await connectUpstream(major, { "resources/subscribe": done });
      const bridge = getUpstreamBridge({ client });
      const gone = bridge.subscribe({});
      const late = gone.addResourceSubscription("x:gone");
      gone.release();
      await late;
      await bridge.subscribe({}).addResourceSubscription("x:here");
      const asked = upstream.received.entries.filter(({ method }) => method === "resources/subscribe");
      assert.deepEqual(
        asked.map(({ params }) => params.uri),
        ["x:here"],
      );
    });

    test("acquireListenSubscriptions keeps every URI until it is released", async () => {
      const answers = { "resources/subscribe": done, "resources/unsubscribe": done };
      const { client, upstream } = await connectUpstream(major, answers);
      const release = await acquireListenSubscriptions({ client, uris: ["x:a", "x:b"] });
      release();
      const isEnd = ({ method, params }) => method === "resources/unsubscribe" && params.uri === "x:b";
      await upstream.received.first(isEnd, "the end of the last subscription");
      const asked = upstream.received.entries.filter(({ method }) => /subscribe$/.test(method));
      assert.deepEqual(
        asked.map(({ method, params }) => [method, params.uri]),
        ["resources/subscribe", "resources/unsubscribe"].flatMap((method) => [
          [method, "x:a"],
          [method, "x:b"],
        ]),
      );
    });
  });
}

describe("getUpstreamBridge with a v2 client of a 2026-07-28 upstream", () => {
  test("listens for what the upstream can change and for what is subscribed to, on one stream", async () => {
    const { client, listened, upstream } = await connectModernUpstream();
    const bridge = getUpstreamBridge({ client });
    const lease = bridge.subscribe({});
    await lease.addResourceSubscription("x:a");
    await lease.removeResourceSubscription("x:a");
    assert.deepEqual(
      listened().map(({ params }) => params.notifications),
      [listChanged, { ...listChanged, resourceSubscriptions: ["x:a"] }, listChanged],
    );
    const [first, second, third] = listened();
    await cancelOf(upstream, first.id);
    await cancelOf(upstream, second.id);
    await bridge.close();
    await cancelOf(upstream, third.id);
  });

  test("opens no stream if there is nothing to listen for", async () => {
    const { client, listened } = await connectModernUpstream({ capabilities: { tools: {} } });
    const bridge = getUpstreamBridge({ client });
    bridge.subscribe({});
    await bridge.close();
    assert.deepEqual(listened(), []);
  });

  test("rolls back a subscription that the upstream refuses", async () => {
    const listens = ({ id, params }) =>
      params.notifications.resourceSubscriptions
        ? { error: { code: -32602, message: "no such resource" }, id }
        : {
            method: "notifications/subscriptions/acknowledged",
            params: { _meta: { [SUBSCRIPTION_ID]: id }, notifications: {} },
          };
    const { client } = await connectModernUpstream({ listens });
    const bridge = getUpstreamBridge({ client });
    const lease = bridge.subscribe({});
    await assert.rejects(lease.addResourceSubscription("x:a"), { message: "no such resource" });
    assert.equal(lease.owns("x:a"), false);
    await bridge.close();
  });

  test("does not try to listen again when the client was closed", async (t) => {
    const { client } = await connectModernUpstream();
    const listen = t.mock.method(client, "listen");
    await getUpstreamBridge({ client }).subscribe({}).addResourceSubscription("x:a");
    assert.equal(listen.mock.callCount(), 2);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    await client.close();
    await new Promise(setImmediate);
    t.mock.timers.tick(120_000);
    await new Promise(setImmediate);
    assert.equal(listen.mock.callCount(), 2);
  });

  test("listens again for a new lease after the client has reconnected", async (t) => {
    t.mock.method(console, "error", () => {});
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const listen = t.mock.fn(() => Promise.reject(new Error("not now")));
    const client = {
      getProtocolEra: () => "modern",
      getServerCapabilities: () => everyCapability,
      listen,
      setNotificationHandler: () => {},
      transport: {},
    };
    const bridge = getUpstreamBridge({ client });
    bridge.subscribe({});
    await new Promise(setImmediate);
    client.transport = undefined;
    t.mock.timers.tick(60_000);
    assert.equal(listen.mock.callCount(), 1);
    client.transport = {};
    bridge.subscribe({});
    assert.equal(listen.mock.callCount(), 2);
    await new Promise(setImmediate);
    bridge.subscribe({});
    assert.equal(listen.mock.callCount(), 2, "the next attempt has its time");
    await bridge.close();
    t.mock.timers.tick(60_000);
    assert.equal(listen.mock.callCount(), 2);
  });

  test("listens again when the upstream cancels the stream", async (t) => {
    const { client, listened, upstream } = await connectModernUpstream();
    const bridge = getUpstreamBridge({ client });
    await bridge.subscribe({}).addResourceSubscription("x:a");
    t.mock.timers.enable({ apis: ["setTimeout"] });
    upstream.write({ method: "notifications/cancelled", params: { requestId: listened()[1].id } });
    await new Promise(setImmediate);
    t.mock.timers.tick(249);
    await new Promise(setImmediate);
    assert.equal(listened().length, 2);
    t.mock.timers.tick(1);
    await new Promise(setImmediate);
    assert.deepEqual(listened()[2].params.notifications, { ...listChanged, resourceSubscriptions: ["x:a"] });
    await bridge.close();
  });

  test("removes the stream's subscription id from what a 2025-era client gets", async () => {
    const { client, listened, upstream } = await connectModernUpstream();
    const { downstream } = await connectDownstream("v1", client);
    const uri = "x:a";
    assert.deepEqual((await downstream.request(1, "resources/subscribe", { uri })).result, {});
    const stream = { [SUBSCRIPTION_ID]: listened().at(-1).id };
    for (const _meta of [stream, { ...stream, vendor: 1 }]) {
      upstream.write({ method: "notifications/resources/updated", params: { _meta, uri } });
    }
    upstream.write({ method: "notifications/tools/list_changed", params: { _meta: stream } });
    await downstream.received.first(({ method }) => method === "notifications/tools/list_changed", "the change");
    const told = downstream.received.entries.filter(({ method }) => method?.startsWith("notifications/"));
    assert.deepEqual(
      told.map(({ params }) => params),
      [{ uri }, { _meta: { vendor: 1 }, uri }, {}],
    );
    await getUpstreamBridge({ client }).close();
  });
});
