import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { proxyServer } from "mcp-proxy";

import { connectDownstream, connectUpstream, everyCapability, majors, wire } from "./support/sdk-pair.mjs";

test("an object that is neither a client nor a server of an SDK is a TypeError that names the option", async () => {
  const { client } = await connectUpstream("v2");
  for (const nothing of [undefined, null, 1, {}, { server: 1 }]) {
    await assert.rejects(proxyServer({ client, server: nothing, serverCapabilities: {} }), {
      message: /"server" must be a server of an MCP SDK/,
      name: "TypeError",
    });
    const server = new majors.v2.Server({ name: "s", version: "1" }, { capabilities: {} });
    await assert.rejects(proxyServer({ client: nothing, server, serverCapabilities: {} }), {
      message: /"client" must be a client of an MCP SDK/,
      name: "TypeError",
    });
  }
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

const pairs = Object.keys(majors).flatMap((server) => Object.keys(majors).map((client) => [server, client]));

for (const [serverMajor, clientMajor] of pairs) {
  const connect = async (answers, options) => {
    const { client, upstream } = await connectUpstream(clientMajor, answers);
    return { client, upstream, ...(await connectDownstream(serverMajor, client, options)) };
  };

  describe(`proxyServer with a ${serverMajor} server and a ${clientMajor} client`, () => {
    test("passes params and results unchanged, and lists page by page", async () => {
      const result = {
        tools: [{ custom: { b: 1, a: [null] }, name: "echo", inputSchema: { type: "object", $defs: {} } }],
        nextCursor: "",
        extra: 0.1,
        _meta: { "vendor/trace": "t" },
      };
      const { downstream, upstream } = await connect({ "tools/list": () => ({ result }) });
      const params = { filter: ["x"], cursor: "", _meta: { "vendor/user": "u" } };
      const answer = await downstream.request(7, "tools/list", params);
      assert.equal(JSON.stringify(answer.result), JSON.stringify(result));
      const asked = upstream.received.entries.filter(({ method }) => method === "tools/list");
      assert.equal(asked.length, 1);
      assert.equal(JSON.stringify(asked[0].params), JSON.stringify(params));
    });

    test("neither checks results against schemas nor keeps the schemas", async () => {
      let calls = 0;
      const outputSchema = { properties: { n: { type: "number" } }, required: ["n"], type: "object" };
      const tools = [{ inputSchema: { type: "object" }, name: "count", outputSchema }];
      const { downstream } = await connect({
        "tools/call": () => ({ result: { structuredContent: { n: "not a number" } } }),
        "tools/list": () => ({ result: { calls: ++calls, tools, ttlMs: 60_000 } }),
      });
      for (const expected of [1, 2]) {
        const { result } = await downstream.request(expected, "tools/list");
        assert.equal(result.calls, expected);
      }
      const { result } = await downstream.request(3, "tools/call", { arguments: {}, name: "count" });
      assert.deepEqual(result, { structuredContent: { n: "not a number" } });
    });

    test("forwards what neither SDK knows, both ways", async () => {
      const { downstream, upstream } = await connect({ "vendor/ask": ({ params }) => ({ result: { params } }) });
      const answer = await downstream.request("a", "vendor/ask", { deep: [1, { x: 2 }] });
      assert.deepEqual(answer.result, { params: { deep: [1, { x: 2 }] } });
      downstream.write({ method: "notifications/vendor/told", params: { left: 1 } });
      const told = await upstream.received.first(({ method }) => method === "notifications/vendor/told", "the telling");
      assert.deepEqual(told.params, { left: 1 });
      upstream.write({ method: "notifications/vendor/news", params: { right: 2 } });
      const news = await downstream.received.first(({ method }) => method === "notifications/vendor/news", "the news");
      assert.deepEqual(news.params, { right: 2 });
    });

    test("does not forward what belongs to one side only", async () => {
      const { downstream, upstream } = await connect();
      downstream.write({ method: "notifications/roots/list_changed" });
      downstream.write({ method: "notifications/vendor/last" });
      await upstream.received.first(({ method }) => method === "notifications/vendor/last", "the last notification");
      const told = upstream.received.entries.map(({ method }) => method);
      assert.deepEqual(told, ["initialize", "notifications/initialized", "notifications/vendor/last"]);
    });

    test("passes errors as they were sent", async () => {
      const error = { code: -32050, message: "MCP error -32050: no such thing", data: { uri: "x:y", n: 1 } };
      const { downstream } = await connect({ "resources/read": () => ({ error }) });
      const answer = await downstream.request(1, "resources/read", { uri: "x:y" });
      assert.deepEqual(answer.error, error);
    });

    test("refuses what the capabilities do not name without asking the upstream", async () => {
      const { downstream, upstream } = await connect({}, { serverCapabilities: { resources: {} } });
      const refused = ["tools/list", "prompts/get", "resources/subscribe", "completion/complete", "tasks/list"];
      for (const method of [...refused, "logging/setLevel", "server/discover", "subscriptions/listen"]) {
        const { error } = await downstream.request(method, method, { uri: "x:y" });
        assert.deepEqual(error, { code: -32601, message: "Method not found" }, method);
      }
      const asked = upstream.received.entries.filter(({ id, method }) => id !== undefined && method !== "initialize");
      assert.deepEqual(asked, []);
    });

    test("answers ping itself", async () => {
      const { downstream } = await connect();
      assert.deepEqual((await downstream.request(1, "ping")).result, {});
    });

    test("restores the caller's progress token, and answers after the last progress", async () => {
      const { downstream, upstream } = await connect();
      // Sending the progress takes longer than sending the answer.
      const { send } = downstream.transport;
      const order = [];
      downstream.transport.send = async (message) => {
        if (message.method) for (let turns = 0; turns < 5; turns++) await turn();
        order.push(message);
        await send(message);
      };
      downstream.write({
        id: 1,
        method: "tools/call",
        params: { _meta: { progressToken: "mine", x: 1 }, name: "slow" },
      });
      const call = await upstream.received.first(({ method }) => method === "tools/call", "the call");
      const { progressToken, ...meta } = call.params._meta;
      assert.deepEqual(meta, { x: 1 });
      assert.ok(Number.isInteger(progressToken));
      for (const progress of [1, 2, 3]) {
        upstream.write({ method: "notifications/progress", params: { progressToken, progress, vendor: { progress } } });
      }
      upstream.write({ id: call.id, result: { content: [] } });
      await downstream.received.first(({ id }) => id === 1, "the answer");
      assert.deepEqual(
        order.map(({ id, params }) => id ?? params),
        [1, 2, 3].map((progress) => ({ progressToken: "mine", progress, vendor: { progress } })).concat(1),
      );
    });

    test("keeps the progress of simultaneous calls apart, whatever their tokens", async () => {
      const { downstream, upstream } = await connect();
      const tokens = [0, "0"];
      for (const [id, progressToken] of tokens.entries()) {
        downstream.write({ id, method: "tools/call", params: { _meta: { progressToken }, name: `tool-${id}` } });
      }
      await upstream.received.first(({ params }) => params?.name === "tool-1", "the second call");
      for (const call of upstream.received.entries.filter(({ method }) => method === "tools/call")) {
        const { progressToken } = call.params._meta;
        upstream.write({
          method: "notifications/progress",
          params: { message: call.params.name, progress: 1, progressToken },
        });
      }
      const isProgress = ({ method }) => method === "notifications/progress";
      await downstream.received.first(
        (message) => isProgress(message) && message.params.message === "tool-1",
        "progress",
      );
      const seen = downstream.received.entries
        .filter(isProgress)
        .map(({ params }) => [params.message, params.progressToken]);
      assert.deepEqual(seen, [
        ["tool-0", 0],
        ["tool-1", "0"],
      ]);
      await downstream.transport.close();
    });

    test("cancels upstream what is cancelled downstream, and does not answer it", async () => {
      const { downstream, upstream } = await connect({ "tools/list": () => ({ result: { tools: [] } }) });
      downstream.write({ id: 5, method: "tools/call", params: { name: "hang" } });
      const call = await upstream.received.first(({ method }) => method === "tools/call", "the call");
      downstream.write({ method: "notifications/cancelled", params: { reason: "changed my mind", requestId: 5 } });
      const cancelled = await upstream.received.first(({ method }) => method === "notifications/cancelled", "the end");
      assert.deepEqual(cancelled.params, { reason: "changed my mind", requestId: call.id });
      await downstream.request(6, "tools/list");
      assert.equal(
        downstream.received.entries.some(({ id }) => id === 5),
        false,
      );
    });

    test("cancels upstream what a closed connection had asked", async () => {
      const { downstream, upstream } = await connect();
      downstream.write({ id: 5, method: "tools/call", params: { name: "hang" } });
      const call = await upstream.received.first(({ method }) => method === "tools/call", "the call");
      await downstream.transport.close();
      const cancelled = await upstream.received.first(({ method }) => method === "notifications/cancelled", "the end");
      assert.equal(cancelled.params.requestId, call.id);
    });

    test("answers with an error when the upstream takes longer than requestTimeout", async () => {
      const { downstream, upstream } = await connect({}, { requestTimeout: 20 });
      const { error } = await downstream.request(1, "tools/call", { name: "hang" });
      assert.equal(error.message, "Request timed out");
      await upstream.received.first(({ method }) => method === "notifications/cancelled", "the end");
    });

    test("answers with an error when the upstream is gone", async () => {
      const { downstream, upstream } = await connect();
      downstream.write({ id: 1, method: "tools/call", params: { _meta: { progressToken: 1 }, name: "hang" } });
      await upstream.received.first(({ method }) => method === "tools/call", "the call");
      await upstream.transport.close();
      const answer = await downstream.received.first(({ id }) => id === 1, "the answer");
      assert.equal(answer.error.message, "Connection closed");
      const late = await downstream.request(2, "tools/call", { _meta: { progressToken: 2 }, name: "hang" });
      assert.equal(late.error.message, "Not connected");
    });

    test("filters log messages by the level of the connection, which the upstream is not told", async () => {
      const { client, downstream: picky, upstream } = await connect();
      const { downstream: curious } = await connectDownstream(serverMajor, client);
      assert.deepEqual((await picky.request(1, "logging/setLevel", { level: "error" })).result, {});
      const { error } = await picky.request(2, "logging/setLevel", { level: "loud" });
      assert.equal(error.code, -32602);
      const logs = ["debug", "error", "vendor", "emergency"].map((level) => ({
        level,
        data: { n: [1] },
        vendor: level,
      }));
      for (const params of logs) upstream.write({ method: "notifications/message", params });
      const logged = ({ received }) =>
        received.entries.filter(({ method }) => method === "notifications/message").map(({ params }) => params);
      await curious.received.first(({ params }) => params?.level === "emergency", "the last message");
      assert.deepEqual(logged(curious), logs);
      assert.deepEqual(logged(picky), logs.slice(1));
      assert.equal(
        upstream.received.entries.some(({ method }) => method === "logging/setLevel"),
        false,
      );
    });

    test("subscribes once for all, tells those who subscribed, and unsubscribes with the last of them", async () => {
      const done = () => ({ result: {} });
      const {
        client,
        downstream: first,
        upstream,
      } = await connect({
        "resources/subscribe": done,
        "resources/unsubscribe": done,
      });
      const { downstream: second } = await connectDownstream(serverMajor, client);
      const { downstream: bystander } = await connectDownstream(serverMajor, client);
      for (const { request } of [first, second]) {
        assert.deepEqual((await request("s", "resources/subscribe", { uri: "file:///a" })).result, {});
      }
      upstream.write({ method: "notifications/resources/updated", params: { title: "A", uri: "file:///a" } });
      upstream.write({ method: "notifications/tools/list_changed" });
      const updated = "notifications/resources/updated";
      const changed = "notifications/tools/list_changed";
      for (const { received } of [first, second, bystander]) {
        await received.first(({ method }) => method === changed, "the change of the tools");
      }
      const told = [first, second, bystander].map(({ received }) =>
        received.entries.filter(({ method }) => method === updated).map(({ params }) => params),
      );
      assert.deepEqual(told, [[{ title: "A", uri: "file:///a" }], [{ title: "A", uri: "file:///a" }], []]);
      assert.deepEqual((await first.request("u", "resources/unsubscribe", { uri: "file:///a" })).result, {});
      await second.transport.close();
      const asked = () =>
        upstream.received.entries.filter(({ method }) => /subscribe$/.test(method)).map(({ method }) => method);
      await upstream.received.first(({ method }) => method === "resources/unsubscribe", "the end of the subscription");
      assert.deepEqual(asked(), ["resources/subscribe", "resources/unsubscribe"]);
    });

    test("passes the upstream's refusal of a subscription", async () => {
      const error = { code: -32051, message: "no such resource" };
      const { downstream } = await connect({ "resources/subscribe": () => ({ error }) });
      assert.deepEqual((await downstream.request(1, "resources/subscribe", { uri: "x:y" })).error, error);
    });

    test("calls the onclose that was set before", async () => {
      const { client } = await connectUpstream(clientMajor);
      let closed = 0;
      const server = new majors[serverMajor].Server({ name: "s", version: "1" }, { capabilities: everyCapability });
      server.onclose = () => closed++;
      await proxyServer({ client, server, serverCapabilities: everyCapability });
      const { transport } = wire();
      await server.connect(transport);
      await transport.close();
      assert.equal(closed, 1);
    });
  });
}
