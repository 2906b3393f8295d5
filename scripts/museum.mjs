// Popular real servers and real clients, each pair once directly over stdio and once through the proxy over
// HTTP: what the client sees must be the same.
//
//   node scripts/museum.mjs              the small matrix, of development dependencies
//   node scripts/museum.mjs --all        everything; installs packages of npm and PyPI into target/museum
//   node scripts/museum.mjs time git     servers whose names contain one of these words
//   … --markdown                         the table for docs/compatibility.md
//
// MCP_PROXY_BIN names another executable than target/debug/mcp-proxy. Exit code 1 if any pair differs.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs, promisify } from "node:util";

import { clients } from "./museum/clients.mjs";
import { difference } from "./museum/difference.mjs";
import { servers } from "./museum/servers.mjs";
import { root } from "./tools.mjs";

const execute = promisify(execFile);
const CELL_MS = 120_000;
const place = join(root, "target/museum");
const binary = process.env.MCP_PROXY_BIN ?? join(root, "target/debug/mcp-proxy");
const { positionals: words, values: options } = parseArgs({
  allowPositionals: true,
  options: { all: { default: false, type: "boolean" }, markdown: { default: false, type: "boolean" } },
});

const isWanted = ({ ci, name }) => (words.length > 0 ? words.some((word) => name.includes(word)) : options.all || ci);

/** The words that start a server; installs it first where it is not there. */
async function commandOf({ command = [], from, package: name, program, version }) {
  const own = join(root, "node_modules/.bin", program);
  if (existsSync(own)) return [own, ...command];
  if (from === "npm") {
    const folder = join(place, "npm", name.replaceAll("/", "+"));
    await mkdir(folder, { recursive: true });
    const found = join(folder, "node_modules/.bin", program);
    const wanted = version ? `${name}@${version}` : name;
    if (!existsSync(found)) await execute("npm", ["install", "--no-audit", "--no-fund", "--prefix", folder, wanted]);
    return [found, ...command];
  }
  return [join(await environment([name]), "bin", program), ...command];
}

/** A Python environment with these packages. */
async function environment(packages) {
  const folder = join(place, "python", packages.join("+").replaceAll(/[^\w.+-]/g, "_"));
  if (!existsSync(join(folder, "ready"))) {
    await execute("python3", ["-m", "venv", folder]);
    await execute(join(folder, "bin/pip"), ["install", "--quiet", ...packages], { timeout: 10 * CELL_MS });
    await writeFile(join(folder, "ready"), "");
  }
  return folder;
}

async function workshop() {
  const folder = await mkdtemp(join(tmpdir(), "mcp-proxy-museum-"));
  await writeFile(join(folder, "note.txt"), "a note\n");
  await execute("git", ["init", "--quiet", folder]).catch(() => {});
  return folder;
}

async function startProxy(command) {
  const child = spawn(binary, ["--host", "127.0.0.1", "--port", "0", "--", ...command], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the proxy ended with ${code}`);
  });
  ended.catch(() => {});
  const listening = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, port] = /listening on http:\/\/\S*?:(\d+)/.exec(line) ?? [];
      if (port) resolve(`http://127.0.0.1:${port}/mcp`);
    });
  });
  const stop = async () => {
    child.kill();
    await ended.catch(() => {});
  };
  return { stop, url: await Promise.race([listening, ended]) };
}

/** What a client sees. */
async function look(program, { call }, folder, way) {
  const [tool = "", given = {}] = call ?? [];
  const text = JSON.stringify(given).replaceAll("FOLDER", folder);
  const [file, ...rest] = program;
  const { stdout } = await execute(file, [...rest, tool, text, ...way], {
    maxBuffer: 1 << 28,
    timeout: CELL_MS,
  });
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** One pair: nothing, or what is different. */
async function compare(server, client, command) {
  const folder = await workshop();
  const words = command.map((word) => word.replaceAll("FOLDER", folder));
  try {
    const python = client.needs && join(await environment(client.needs), "bin/python");
    const program = client.program(python, process.execPath);
    const direct = await look(program, server, folder, ["stdio", ...words]);
    const proxy = await startProxy(words);
    try {
      return difference(direct, await look(program, server, folder, ["http", proxy.url]));
    } finally {
      await proxy.stop();
    }
  } finally {
    await rm(folder, { force: true, recursive: true });
  }
}

const tested = words.length > 0 || options.all ? clients : clients.filter(({ ci }) => ci);
process.env.PATH = [join(place, "npm"), process.env.PATH].join(delimiter);
let failed = false;
const rows = [];
for (const server of servers.filter(isWanted)) {
  const cells = [];
  let command;
  try {
    command = await commandOf(server);
  } catch (error) {
    console.error(`- ${server.name}: cannot be installed here: ${error.message.split("\n")[0]}`);
    continue;
  }
  for (const client of tested) {
    let found;
    try {
      found = await compare(server, client, command);
    } catch (error) {
      found = `fails: ${error.message.trim().split("\n").at(-1)}`;
    }
    const known = server.known?.[client.name];
    const isKnown = known !== undefined && found?.startsWith(known);
    cells.push(found === undefined ? "same" : isKnown ? "known difference" : "differs");
    failed ||= found !== undefined && !isKnown;
    if (!options.markdown || found)
      console.error(`${found ? "✗" : "✓"} ${server.name}, ${client.name}${found ? `: ${found}` : ""}`);
  }
  rows.push([server.name, ...cells]);
}
if (options.markdown) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  console.log(
    [
      line(["Server", ...tested.map(({ name }) => name)]),
      `|---|${tested.map(() => "---").join("|")}|`,
      ...rows.map(line),
    ].join("\n"),
  );
}
console.log(`${rows.length} servers, ${tested.length} clients: ${failed ? "differences" : "no difference"}`);
process.exitCode = failed || rows.length === 0 ? 1 : 0;
