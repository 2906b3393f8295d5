#!/usr/bin/env node
// Replaces the executable in other suites: `MCP_PROXY_BIN=__test__/cluster/three.mjs`. Starts three replicas with the
// given flags and command, a store, and nginx in front, which gives each request to the next replica. Ends with
// SIGTERM, as the executable does.
import { missing, World } from "./world.mjs";

const words = process.argv.slice(2);
const reason = await missing();
if (reason) {
  console.error(`error: ${reason}`);
  process.exit(1);
}
const end = words.indexOf("--");
const [before, command] = end < 0 ? [words, []] : [words.slice(0, end), words.slice(end + 1)];
// The port is nginx's.
const port = Number(before[before.indexOf("--port") + 1]) || undefined;
const flags = before.filter((word, index) => word !== "--port" && before[index - 1] !== "--port");
const stopping = new Promise((resolve) => {
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, resolve);
});
const world = await World.start({ command, flags, loud: true, port });
console.log(`[mcp-proxy] listening on ${world.url}`);
await stopping;
await world.close();
