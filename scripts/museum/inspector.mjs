// The command line of MCP Inspector as a client: one process for each request; see clients.mjs.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);
const [inspector, tool, given, way, ...where] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "mcp-proxy-inspector-"));

/** The words that select the server: a URL, or a file with its command. */
async function server() {
  if (way === "http") return [where[0], "--transport", "http"];
  const file = join(folder, "servers.json");
  const [command, ...args] = where;
  await writeFile(file, JSON.stringify({ mcpServers: { server: { args, command, type: "stdio" } } }));
  return ["--config", file, "--server", "server"];
}

const asked = await server();

/** The answer, or the error in its place. */
async function seen(method, ...words) {
  const line = [inspector, "--cli", ...asked, "--method", method, ...words];
  try {
    const { stdout } = await execute(process.execPath, line, { maxBuffer: 1 << 28 });
    return JSON.parse(stdout);
  } catch {
    return { failed: true };
  }
}

const words = Object.entries(JSON.parse(given)).flatMap(([name, value]) => [
  "--tool-arg",
  `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
]);
const report = { tools: await seen("tools/list") };
if (report.tools.failed) throw new Error("the server does not list its tools");
if (tool) report.call = await seen("tools/call", "--tool-name", tool, ...words);
report.resources = await seen("resources/list");
const first = report.resources.resources?.[0];
if (first) report.read = await seen("resources/read", "--uri", first.uri);
await rm(folder, { force: true, recursive: true });
console.log(JSON.stringify(report));
