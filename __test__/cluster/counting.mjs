// A stdio server that records what it runs: `node counting.mjs LEDGER`. Its tool `count` appends its text to the ledger
// and answers with it, after `ms` milliseconds if they are given, with progress in between.
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [, , ledger] = process.argv;
const tool = { inputSchema: { type: "object" }, name: "count" };

const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);

const answers = {
  initialize: ({ protocolVersion }) => ({
    capabilities: { tools: {} },
    protocolVersion,
    serverInfo: { name: "counting", version: "1.0.0" },
  }),
  ping: () => ({}),
  "tools/list": () => ({ tools: [tool] }),
};

const call = async (id, { _meta, arguments: { ms, text } }) => {
  appendFileSync(ledger, `${text}\n`);
  if (ms) {
    if (_meta?.progressToken !== undefined) {
      const params = { progress: 1, progressToken: _meta.progressToken };
      say({ method: "notifications/progress", params });
    }
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
  say({ id, result: { content: [{ text, type: "text" }] } });
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  if (method === "tools/call") void call(id, params);
  else if (answers[method]) say({ id, result: answers[method](params) });
  else say({ error: { code: -32601, message: "Method not found" }, id });
}
