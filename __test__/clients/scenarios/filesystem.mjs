// Scenarios for server-filesystem. To make a call last as long as a test needs, it reads a named pipe, which exists on
// POSIX systems.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { incoming } from "../../support/wiretap.mjs";

export const filesystem = [
  {
    name: "files go in and come out unchanged",
    run: async ({ connect, server }) => {
      const peer = await connect();
      const path = join(server.directory, `${randomUUID()} \u00fc.txt`);
      const content = 'tab\t quote" backslash\\ \u2028 \u{1F980}\r\n'.repeat(1_000);
      await peer.callTool("write_file", { content, path });
      assert.equal(await peer.callText("read_text_file", { path }), content);
      assert.match(await peer.callText("list_directory", { path: server.directory }), /\[FILE\] .* \u00fc\.txt/);
      const refused = await peer.callTool("read_text_file", { path: "/" });
      assert.equal(refused.isError, true);
    },
  },
  {
    name: "a result of several megabytes arrives whole",
    run: async ({ connect, server }) => {
      const peer = await connect();
      const path = join(server.directory, randomUUID());
      const content = Array.from({ length: 200_000 }, (_, line) => `line ${line}\n`).join("");
      await writeFile(path, content);
      assert.equal(await peer.callText("read_text_file", { path }), content);
    },
  },
  {
    name: "a cancelled call is cancelled in the server",
    run: async ({ connect, server, tap }) => {
      const peer = await connect();
      const path = namedPipe(server.directory);
      const asked = tap.next(incoming("tools/call"), "the call");
      const abort = new AbortController();
      const call = peer.callTool("read_text_file", { path }, { signal: abort.signal });
      const { id } = (await asked).message;
      abort.abort();
      await assert.rejects(call);
      const cancelled = incoming("notifications/cancelled", (message) => message.params.requestId === id);
      await tap.first(cancelled, "the cancellation, under the id of the call");

      await writeFile(path, "too late");
      await peer.callTool("directory_tree", { path: server.directory });
      assert.ok(!tap.entries.some(({ direction, message }) => direction === "out" && message.id === id));
    },
  },
  {
    name: "calls that overlap under equal ids each get their own answer",
    run: async ({ connect, server }) => {
      const peers = [await connect(), await connect()];
      const pipes = peers.map(() => namedPipe(server.directory));
      const calls = peers.map((peer, index) => peer.callText("read_text_file", { path: pipes[index] }));
      await writeFile(pipes[1], "for the second");
      assert.equal(await calls[1], "for the second");
      await writeFile(pipes[0], "for the first");
      assert.equal(await calls[0], "for the first");
      const ids = peers.map(({ sent }) => sent.entries.find(({ method }) => method === "tools/call").id);
      assert.equal(ids[0], ids[1]);
    },
  },
  {
    endpoints: ["/mcp"],
    name: "an answer given while the stream was down is fetched on reconnect",
    run: async ({ connect, server, tap }) => {
      const peer = await connect();
      const path = namedPipe(server.directory);
      await peer.listening();
      const release = peer.wire.holdGet();
      const opened = peer.wire.exchanges.next(({ method }) => method === "POST", "the stream of the call");
      const asked = tap.next(incoming("tools/call"), "the call");
      const call = peer.callText(
        "read_text_file",
        { path },
        { onresumptiontoken: () => opened.then(({ cut }) => cut()) },
      );
      const { id } = (await asked).message;
      await opened;
      await writeFile(path, "kept for you");
      await tap.first(({ direction, message }) => direction === "out" && message.id === id, "the answer");
      release();
      assert.equal(await call, "kept for you");
    },
  },
];

function namedPipe(directory) {
  const path = join(directory, randomUUID());
  execFileSync("mkfifo", [path]);
  return path;
}
