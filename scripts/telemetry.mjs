// Builds the executable with the feature `otlp`, in a target folder of its own, and tests what it sends
// to a collector. Its dependencies are not optimised: nothing is measured.
import { join } from "node:path";

import { root, run } from "./tools.mjs";

const target = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "otlp");
const quick = ["--config", 'profile.dev.package."*".opt-level=0', "--config", "profile.dev.opt-level=0"];

run("cargo", ["build", "--locked", "-p", "mcp-proxy-cli", "--features", "otlp", "--target-dir", target, ...quick]);
run("cargo", ["test", "--locked", "-p", "mcp-proxy-cli", "--test", "telemetry", "--", "--ignored"], {
  env: { ...process.env, MCP_PROXY_BIN: join(target, "debug", "mcp-proxy") },
});
