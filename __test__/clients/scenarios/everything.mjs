// Scenarios for server-everything: calls of every kind, progress, cancellation, two clients at once.

import assert from "node:assert/strict";

import { incoming, outgoing } from "../../support/wiretap.mjs";

const LONG = "trigger-long-running-operation";
const AWKWARD = 'a\u2028b \u{1F980} "\\u0041" \0 \u00e9';

export const everything = [
  {
    name: "calls, reads and prompts return what the server returns",
    run: async ({ connect }) => {
      const peer = await connect();
      const { client } = peer;
      assert.equal(await peer.callText("echo", { message: AWKWARD }), `Echo: ${AWKWARD}`);
      assert.match(await peer.callText("get-sum", { a: 2, b: 40 }), /\b42\b/);
      const weather = await peer.callTool("get-structured-content", { location: "Chicago" });
      assert.deepEqual(JSON.parse(weather.content[0].text), weather.structuredContent);
      const [, image] = (await peer.callTool("get-tiny-image")).content;
      assert.equal(Buffer.from(image.data, "base64").subarray(1, 4).toString(), "PNG");

      const resource = await client.readResource({ uri: "demo://resource/dynamic/text/7" });
      assert.match(resource.contents[0].text, /^Resource 7:/);
      const prompt = await client.getPrompt({ arguments: { city: "Oslo" }, name: "args-prompt" });
      assert.match(prompt.messages[0].content.text, /Oslo/);

      const unknown = await peer.callTool("no-such-tool").catch((error) => error);
      assert.match(unknown.isError ? unknown.content[0].text : unknown.message, /no-such-tool/);
      await assert.rejects(client.readResource({ uri: "demo://nowhere" }), { code: -32602 });
    },
  },
  {
    name: "every progress event arrives, in order, before the result",
    run: async ({ connect }) => {
      const peer = await connect();
      for (const [duration, steps] of [
        [0, 200],
        [0.2, 10],
        [0, 1],
      ]) {
        await assertProgress(peer, duration, steps);
      }
    },
  },
  {
    name: "a cancelled call is cancelled in the server",
    run: async ({ connect, tap }) => {
      const peer = await connect();
      const asked = tap.next(incoming("tools/call"), "the long call");
      const abort = new AbortController();
      const call = peer.callTool(
        LONG,
        { duration: 3, steps: 12 },
        {
          onprogress: () => abort.abort("the user changed their mind"),
          signal: abort.signal,
        },
      );
      await assert.rejects(call);

      const { id, params } = (await asked).message;
      const cancelled = incoming("notifications/cancelled", (message) => message.params.requestId === id);
      await tap.first(cancelled, "the cancellation, under the id of the call");

      // The tool itself runs to its last step; a server that was told to stop sends nothing after it.
      const token = params._meta.progressToken;
      const finished = ({ params: progress }) => progress.progressToken === token && progress.progress === 12;
      await tap.first(outgoing("notifications/progress", finished), "the last step");
      await peer.callText("echo", { message: "later" });
      assert.ok(!tap.entries.some(({ direction, message }) => direction === "out" && message.id === id));
      const request = peer.sent.entries.find((message) => message.params?.name === LONG);
      assert.ok(!peer.received.entries.some((message) => message.id === request.id));
    },
  },
  {
    name: "clients with equal ids and progress tokens do not mix",
    run: async ({ connect }) => {
      const peers = [await connect(), await connect(), await connect()];
      const rounds = peers.map(async (peer, index) => {
        const echoes = Array.from({ length: 20 }, (_, turn) => `${index}/${turn}`);
        const answers = echoes.map((message) => peer.callText("echo", { message }));
        await assertProgress(peer, 0.3, 10 + index);
        assert.deepEqual(
          await Promise.all(answers),
          echoes.map((message) => `Echo: ${message}`),
        );
      });
      await Promise.all(rounds);

      const [first, ...others] = peers.map(({ sent }) => sent.entries.map(({ id, method }) => [id, method]));
      for (const other of others) assert.deepEqual(other, first, "the clients must have used equal ids");
    },
  },
  {
    name: "completion answers for prompts and for resource templates",
    run: async ({ connect }) => {
      const { client } = await connect();
      const prompt = { name: "completable-prompt", type: "ref/prompt" };
      const department = await client.complete({ argument: { name: "department", value: "S" }, ref: prompt });
      assert.deepEqual(department.completion.values, ["Sales", "Support"]);
      const name = await client.complete({
        argument: { name: "name", value: "" },
        context: { arguments: { department: "Sales" } },
        ref: prompt,
      });
      assert.deepEqual(name.completion.values, ["David", "Eve", "Frank"]);
      const template = { type: "ref/resource", uri: "demo://resource/dynamic/text/{resourceId}" };
      const id = await client.complete({ argument: { name: "resourceId", value: "12" }, ref: template });
      assert.deepEqual(id.completion.values, ["12"]);
    },
  },
];

/** Runs the long tool and checks the whole of what came back for it. */
async function assertProgress(peer, duration, steps) {
  const start = peer.sent.entries.length;
  const text = await peer.callText(LONG, { duration, steps }, { onprogress: () => {} });
  assert.match(text, new RegExp(`Steps: ${steps}\\.$`));

  const { id, params } = peer.sent.entries.slice(start).find((message) => message.params?.name === LONG);
  const answer = peer.received.entries.findLastIndex((message) => message.id === id && message.result);
  const progress = peer.received.entries
    .slice(0, answer)
    .filter(({ method }) => method === "notifications/progress")
    .map((message) => message.params)
    .filter(({ progressToken, total }) => progressToken === params._meta.progressToken && total === steps);
  assert.deepEqual(
    progress.map((event) => event.progress),
    Array.from({ length: steps }, (_, step) => step + 1),
  );
}
