// The same accidents, under the load of four clients, for this proxy and the original; prints a Markdown table. Linux
// only, takes some minutes, not part of `npm test`.
//
//   node __test__/chaos/compare.mjs [words that a case's name contains]
//
//   MCP_PROXY_BIN      this proxy's binary (default: target/debug/mcp-proxy)
//   MCP_PROXY_FIXTURE  the stdio server (default: target/debug/fixture)
import { mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { SseClient, StreamClient, Tally, toolCall } from "./clients.mjs";
import { contestants, end, fixture, peak, start } from "./processes.mjs";

const WARM_UP_MS = 500;
const AFTERMATH_MS = 3_000;
const RECOVERY_MS = 8_000;

const kill = async ({ client }, signal) => {
  const [{ result }] = await client.ask(toolCall("pid", "pid"));
  process.kill(Number(result.content[0].text), signal);
};
const tool =
  (name, args) =>
  ({ client }) =>
    client.ask(toolCall("accident", name, args), 20_000).catch(() => {});

/** A server whose second start ends during the handshake. */
const faltering = () => {
  const starts = join(mkdtempSync(join(tmpdir(), "chaos-")), "starts");
  const script = `echo x >> ${starts}; case $(wc -l < ${starts}) in 2) read l; exit 4;; esac; exec ${fixture} echo`;
  return ["sh", "-c", script];
};

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {() => string[]} server
 * @property {(stage: object) => Promise<unknown>} accident what happens while the clients call
 * @property {string[]} [flags] of this proxy only
 * @property {string} [signal] how the proxy is ended
 * @property {boolean} [idle] without the clients' calls
 */

/** @type {Case[]} */
const cases = [
  { name: "`kill -9` of the server", server: () => [fixture, "echo"], accident: (stage) => kill(stage, "SIGKILL") },
  {
    name: "`kill -STOP` of the server (ours with `--pingInterval 500 --pingTimeout 1000`)",
    server: () => [fixture, "echo"],
    flags: ["--pingInterval", "500", "--pingTimeout", "1000"],
    accident: (stage) => kill(stage, "SIGSTOP"),
  },
  { name: "garbage on stdout", server: () => [fixture, "noise"], accident: async () => {} },
  { name: "half a line, then exit", server: () => [fixture, "half-line"], accident: tool("half") },
  { name: "stdout closed, process stays", server: () => [fixture, "closes-stdout"], accident: tool("close") },
  {
    name: "flood: 20,000 notifications",
    server: () => [fixture, "babbling"],
    accident: tool("babble", { count: 20_000, bytes: 100 }),
  },
  { name: "exit loop: every 50th call", server: () => [fixture, "exit-after", "50"], accident: async () => {} },
  {
    name: "`kill -9`, and the next start dies in the handshake",
    server: faltering,
    accident: (stage) => kill(stage, "SIGKILL"),
  },
  {
    name: "`kill -9` with a grandchild that holds stdout open",
    server: () => [fixture, "grandchild"],
    accident: (stage) => kill(stage, "SIGKILL"),
  },
  {
    name: "SIGTERM of the proxy, stubborn server",
    server: () => [fixture, "ignore-term"],
    accident: async () => {},
  },
  {
    name: "`kill -9` of the proxy, stubborn server",
    server: () => [fixture, "ignore-term"],
    accident: async () => {},
    signal: "SIGKILL",
  },
  {
    name: "480 MB of notifications past an SSE client that does not read",
    server: () => [fixture, "babbling"],
    accident: flood,
    idle: true,
  },
];

/** Opens a stream that nobody reads, and lets the server write to it. */
async function flood(stage) {
  const socket = connect(Number(new URL(stage.proxy.url).port), "127.0.0.1");
  socket.pause();
  socket.on("error", () => {});
  const { session } = stage.client;
  socket.write(
    `GET /mcp HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nMcp-Session-Id: ${session}\r\n` +
      "Mcp-Protocol-Version: 2025-06-18\r\n\r\n",
  );
  await sleep(200);
  const other = await new StreamClient(stage.proxy.url).open();
  for (let round = 0; round < 3; round += 1) {
    await other.ask(toolCall(round, "babble", { count: 10_000, bytes: 16_000 }), 60_000).catch(() => {});
  }
  stage.note = `${peak(stage.proxy.pid)} MiB at the most`;
  socket.destroy();
}

async function run(contestant, { accident, flags, idle, server, signal }) {
  const proxy = await start(contestant, server(), flags);
  const tally = new Tally();
  const stage = { proxy, client: await new StreamClient(proxy.url).open() };
  const clients = await Promise.all(
    (idle ? [] : [StreamClient, SseClient, StreamClient, SseClient]).map((Client) => new Client(proxy.url).open()),
  );
  let over = false;
  const load = Promise.all(clients.map((client, number) => tally.run(client, `client ${number}`, () => over)));
  await sleep(WARM_UP_MS);
  await accident(stage).catch((error) => (stage.note = error.message));
  await sleep(idle ? 0 : AFTERMATH_MS);
  over = true;
  await load;
  const same = await recovers(() => stage.client);
  const fresh = await recovers(() => new StreamClient(proxy.url).open());
  const ping = await fetch(`${proxy.url}/ping`).then(
    ({ status }) => status,
    () => "none",
  );
  for (const client of clients) client.close();
  const { left, stuck } = await end(proxy, signal);
  return { ...tally, same, fresh, ping, left, stuck, note: stage.note };
}

/** Whether a client is answered within a while. */
async function recovers(open) {
  const deadline = Date.now() + RECOVERY_MS;
  while (Date.now() < deadline) {
    const answers = await Promise.resolve()
      .then(open)
      .then((client) => client.ask(toolCall(0, "echo", { text: "fine" }), 2_000))
      .catch(() => []);
    if (answers.some(({ result }) => result?.content?.[0]?.text === "fine")) return true;
    await sleep(100);
  }
  return false;
}

const yes = (value) => (value ? "yes" : "**no**");
const none = (count) => (count === 0 ? "0" : `**${count}**`);

const wanted = process.argv.slice(2);
const chosen = cases.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
console.log(
  "| Accident | Proxy | calls answered / failed clearly / never answered / wrong | same session works | new session works | `/ping` | processes left |",
);
console.log("|---|---|---|---|---|---|---|");
for (const example of chosen) {
  for (const contestant of contestants) {
    const seen = await run(contestant, example).catch((error) => ({ error }));
    if (seen.error) {
      console.log(`| ${example.name} | ${contestant.name} | ${seen.error.message} | | | | |`);
      continue;
    }
    const calls = `${seen.answered} / ${seen.failed} / ${none(seen.unanswered)} / ${none(seen.wrong)}`;
    const remarks = [example.idle ? "" : calls, seen.note].filter(Boolean).join("; ");
    const left = none(seen.left) + (seen.stuck ? ", did not stop in 10 s" : "");
    console.log(
      `| ${example.name} | ${contestant.name} | ${remarks} | ${yes(seen.same)} | ${yes(seen.fresh)} | ${seen.ping} | ${left} |`,
    );
  }
}
process.exit(0);
