// `npm start`: the release build of the command line in front of a real MCP server, on port 8080.
// Words after `npm start --` go to mcp-proxy; with a `--` of their own they replace the server.
import { createRequire } from "node:module";
import { join } from "node:path";

import { installPackages, root, run } from "./tools.mjs";

const server = join(root, "node_modules/@modelcontextprotocol/server-everything/dist/index.js");
const executable = process.platform === "win32" ? "mcp-proxy.exe" : "mcp-proxy";

installPackages();
run("cargo", ["build", "--release", "--locked", "--package", "mcp-proxy-cli"]);

const words = process.argv.slice(2);
const command = words.includes("--") ? [] : ["--", process.execPath, server, "stdio"];
const { launch } = createRequire(import.meta.url)("../npm/launch.js");
launch(join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release", executable), [
  "--port",
  "8080",
  ...words,
  ...command,
]);
