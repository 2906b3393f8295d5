// Runs a Node program with three replicas in place of the executable: `node behind.mjs WORDS…` is `node WORDS…`, but
// without nginx or redis-server it prints that it is skipped.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { missing } from "./world.mjs";

const reason = await missing();
if (reason) {
  console.log(`skipped: ${reason}`);
} else {
  const env = { ...process.env, MCP_PROXY_BIN: fileURLToPath(new URL("three.mjs", import.meta.url)) };
  const { status } = spawnSync(process.execPath, process.argv.slice(2), { env, stdio: "inherit" });
  process.exitCode = status ?? 1;
}
