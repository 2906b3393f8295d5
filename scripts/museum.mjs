// Popular real servers and real clients, each pair once directly over stdio and once through the proxy over HTTP: the
// client must see the same.
//
//   node scripts/museum.mjs              the small matrix, of development dependencies
//   node scripts/museum.mjs --all        everything; installs packages of npm and PyPI into target/museum
//   node scripts/museum.mjs time git     servers whose names contain one of these words
//   … --markdown                         the table for docs/compatibility.md
//
// MCP_PROXY_BIN names another executable than target/debug/mcp-proxy. Exit code 1 if any pair differs. If a server
// cannot be installed here, or does not start even directly, its row says so.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs, promisify } from "node:util";

import { end, output } from "./museum/bounded.mjs";
import { clients } from "./museum/clients.mjs";
import { difference } from "./museum/difference.mjs";
import { commandOf, programOf } from "./museum/installed.mjs";
import { servers } from "./museum/servers.mjs";
import { root } from "./tools.mjs";

const execute = promisify(execFile);
/** Time limit for one client with one server. */
const LOOK_MS = 60_000;
/** Time limit for all clients with one server; the rest is not tried. */
const SERVER_MS = 10 * 60_000;
const binary = process.env.MCP_PROXY_BIN ?? join(root, "target/debug/mcp-proxy");
const { positionals: words, values: options } = parseArgs({
  allowPositionals: true,
  options: { all: { default: false, type: "boolean" }, markdown: { default: false, type: "boolean" } },
});

const isWanted = ({ ci, name }) => (words.length > 0 ? words.some((word) => name.includes(word)) : options.all || ci);

async function workshop() {
  const folder = await mkdtemp(join(tmpdir(), "mcp-proxy-museum-"));
  await writeFile(join(folder, "note.txt"), "a note\n");
  await execute("git", ["init", "--quiet", folder]).catch(() => {});
  return folder;
}

async function startProxy(command) {
  const child = spawn(binary, ["--host", "127.0.0.1", "--port", "0", "--", ...command], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the proxy ended with ${code}`);
  });
  ended.catch(() => {});
  const listening = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("the proxy does not listen")), LOOK_MS).unref();
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, port] = /listening on http:\/\/\S*?:(\d+)/.exec(line) ?? [];
      if (port) resolve(`http://127.0.0.1:${port}/mcp`);
    });
  });
  const stop = async () => {
    child.kill();
    const forced = setTimeout(() => end(child), 10_000);
    await ended.catch(() => {});
    clearTimeout(forced);
  };
  try {
    return { stop, url: await Promise.race([listening, ended]) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a client sees. */
async function look([file, ...rest], { call }, folder, way) {
  const [tool = "", given = {}] = call ?? [];
  const text = JSON.stringify(given).replaceAll("FOLDER", folder);
  const printed = await output(file, [...rest, tool, text, ...way], { milliseconds: LOOK_MS });
  return JSON.parse(printed.trim().split("\n").at(-1));
}

/** One pair: nothing, or the difference; `alone` if the client fails with the server even directly. */
async function compare(server, program, command) {
  const folder = await workshop();
  const words = command.map((word) => word.replaceAll("FOLDER", folder));
  try {
    let direct;
    try {
      direct = await look(program, server, folder, ["stdio", ...words]);
    } catch (error) {
      return { alone: error.message };
    }
    const proxy = await startProxy(words);
    try {
      return { differs: difference(direct, await look(program, server, folder, ["http", proxy.url])) };
    } finally {
      await proxy.stop();
    }
  } catch (error) {
    return { differs: `fails: ${error.message}` };
  } finally {
    await rm(folder, { force: true, recursive: true });
  }
}

const WORDS = {
  alone: "not even directly",
  known: "known difference",
  late: "not tried",
  other: "differs",
  same: "same",
};

/** The content of a table cell, and what is printed about it. */
function verdict({ alone, differs }, known) {
  if (alone) return ["alone", alone];
  if (!differs) return ["same"];
  return [known !== undefined && differs.startsWith(known) ? "known" : "other", differs];
}

const firstLine = (error) => error.message.split("\n")[0].slice(0, 160);

/** The programs of all clients that are available here. */
async function programs(wanted) {
  const found = [];
  for (const client of wanted) {
    try {
      found.push({ ...client, words: await programOf(client) });
    } catch (error) {
      console.error(`- ${client.name}: cannot be installed here: ${firstLine(error)}`);
    }
  }
  return found;
}

/** The row of a server: its cells, or why there are none. */
async function row(server, tested) {
  let command;
  try {
    command = await commandOf(server);
  } catch (error) {
    console.error(`- ${server.name}: cannot be installed here: ${firstLine(error)}`);
    return tested.map(() => "not installed");
  }
  const last = Date.now() + SERVER_MS;
  const cells = [];
  for (const client of tested) {
    const isLate = Date.now() > last;
    const compared = isLate ? undefined : await compare(server, client.words, command);
    const [cell, why] = isLate ? ["late"] : verdict(compared, server.known?.[client.name]);
    cells.push(WORDS[cell]);
    const mark = { other: "✗", same: "✓" }[cell] ?? "-";
    if (!options.markdown || cell !== "same")
      console.error(`${mark} ${server.name}, ${client.name}: ${[WORDS[cell], why].filter(Boolean).join(": ")}`);
  }
  return cells;
}

const all = words.length > 0 || options.all;
const tested = await programs(all ? clients : clients.filter(({ ci }) => ci));
const rows = [];
for (const server of servers.filter(isWanted)) rows.push([server.name, ...(await row(server, tested))]);

if (options.markdown) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const names = tested.map(({ name }) => name);
  console.log([line(["Server", ...names]), `|${"---|".repeat(names.length + 1)}`, ...rows.map(line)].join("\n"));
}
const cells = rows.flatMap(([, ...cells]) => cells);
const failed = cells.includes(WORDS.other);
const same = cells.filter((cell) => cell === WORDS.same).length;
console.log(
  `${rows.length} servers, ${tested.length} clients, ${same} of ${cells.length} pairs the same: ` +
    (failed ? "differences" : "no difference"),
);
process.exitCode = failed || same === 0 ? 1 : 0;
