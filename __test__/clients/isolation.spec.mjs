// `--isolation session` with the TypeScript SDKs, v1 and v2, in front of server-everything: requests and notifications
// of a server reach the client that owns it, on both endpoints.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startProxy } from "../support/proxy.mjs";
import { Peer, sdks } from "./sdk.mjs";
import { servers } from "./servers.mjs";

const CAPABILITIES = { elicitation: { form: {} }, roots: { listChanged: true }, sampling: {} };

/** Answers that name their client, so that mistakes would show. */
const answersOf = (name) => ({
  "elicitation/create": ({ params }) => {
    assert.equal(params.requestedSchema.type, "object");
    return { action: "accept", content: { check: true, name } };
  },
  "roots/list": () => ({ roots: [{ name: `root of ${name}`, uri: `file:///${name}` }] }),
  "sampling/createMessage": ({ params }) => ({
    content: { text: `${name} was asked: ${params.messages[0].content.text}`, type: "text" },
    model: "a-test",
    role: "assistant",
  }),
});

for (const sdk of sdks) {
  describe(`${sdk.name}, a server for each session`, () => {
    let proxy;
    before(async () => {
      const { command } = await servers.everything.open();
      proxy = await startProxy({ command, flags: ["--isolation", "session"] });
    });
    after(() => proxy?.stop());

    for (const endpoint of ["/mcp", "/sse"]) {
      const connect = async (t, name) => {
        const peer = await Peer.connect(sdk, proxy.url + endpoint, {
          answers: answersOf(name),
          clientOptions: { capabilities: CAPABILITIES },
        });
        t.after(() => peer.close());
        await peer.listening();
        return peer;
      };
      const pair = (t) => Promise.all(["anna", "boris"].map((name) => connect(t, name)));

      test(`${endpoint}: sampling`, async (t) => {
        const peers = await pair(t);
        const texts = peers.map((peer) => peer.callText("trigger-sampling-request", { maxTokens: 10, prompt: "why?" }));
        for (const [index, text] of (await Promise.all(texts)).entries()) {
          const name = ["anna", "boris"][index];
          assert.match(text, new RegExp(`${name} was asked: .*why\\?`, "s"));
        }
      });

      test(`${endpoint}: elicitation`, async (t) => {
        const peers = await pair(t);
        const results = await Promise.all(peers.map((peer) => peer.callTool("trigger-elicitation-request")));
        for (const [index, { content }] of results.entries()) {
          const text = content.map((block) => block.text).join("\n");
          assert.match(text, new RegExp(`Name: ${["anna", "boris"][index]}`));
        }
      });

      test(`${endpoint}: roots, and that they have changed`, async (t) => {
        const peers = await pair(t);
        for (const [index, peer] of peers.entries()) {
          assert.match(await peer.callText("get-roots-list"), new RegExp(`file:///${["anna", "boris"][index]}`));
        }
        const [anna, boris] = peers;
        const updated = (message) =>
          message.method === "notifications/message" && /^Roots updated: 1/.test(message.params.data);
        const told = anna.received.next(updated, "the server's word that it has the new roots");
        const before = boris.received.entries.length;
        await anna.client.sendRootsListChanged();
        await told;
        await boris.client.ping();
        assert.ok(
          !boris.received.entries.slice(before).some(updated),
          "another client's roots are not boris's business",
        );
      });

      test(`${endpoint}: logging, with a separate level for each client`, async (t) => {
        const [loud, quiet] = await pair(t);
        await quiet.client.setLoggingLevel("emergency");
        await loud.client.setLoggingLevel("debug");
        const uri = `demo://resource/dynamic/text/${endpoint.length}`;
        const aboutIt = (message) => message.method === "notifications/message" && message.params.data.includes?.(uri);
        const logged = loud.received.next(aboutIt, "the log message");
        await quiet.client.subscribeResource({ uri });
        await loud.client.subscribeResource({ uri });
        assert.equal((await logged).params.level, "info");
        await quiet.client.ping();
        assert.ok(!quiet.received.entries.some(aboutIt));
      });

      test(`${endpoint}: a client without capabilities is asked nothing`, async (t) => {
        const peer = await Peer.connect(sdk, proxy.url + endpoint);
        t.after(() => peer.close());
        const { tools } = await peer.client.listTools();
        const asking = tools.filter(({ name }) => /sampling|elicitation|roots/.test(name));
        assert.deepEqual(asking, []);
      });
    }
  });
}
