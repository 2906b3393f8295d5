// Plays the sessions in the documents: the `console` blocks of a page, one after the other, in one shell.
//
// A line that begins with `$ ` is a command, and continues in the next line after a `\`. The lines below it are its
// output: `…` stands for any text, times, dates and ids may differ, and white space is not compared. A command that
// ends with `&` runs until the end of the page; its later output is shown below a command that is a comment, or not at
// all. Free ports replace those on the page. `cat FILE` first writes the file, unless it exists.
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { freePort } from "./port.mjs";
import { repositoryRoot } from "./proxy.mjs";

const DEADLINE_MS = 60_000;

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const TIMES = String.raw`\d+(?:\.\d+)? (?:ms|s)\b`;
const DATES = String.raw`\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT|\d{4}-\d\d-\d\dT[\d:.]+Z`;
const PARTS = new RegExp(`(?<any>\\s*…\\s*)|(?<uuid>${UUID})|(?<date>${DATES})|(?<time>${TIMES})|(?<space>\\s+)`, "g");

const BLOCK = /^```console\n(.*?)^```$/gms;

/** The commands of a block, with the output that the page shows for each. */
export const stepsOf = (block) => {
  const steps = [];
  let goesOn = false;
  for (const line of block.split("\n")) {
    const last = steps.at(-1);
    if (goesOn) last.command += `\n${line}`;
    else if (line.startsWith("$ ")) steps.push({ command: line.slice(2), output: "" });
    else if (last) last.output += `${line}\n`;
    else throw new Error(`a console block has to begin with "$ ", not with ${JSON.stringify(line)}`);
    goesOn = (goesOn || line.startsWith("$ ")) && line.endsWith("\\");
  }
  return steps.map(({ command, output }) => ({ command, output: output.trimEnd() }));
};

/** The blocks of a page that can be played; others follow `<!-- not played: why -->`. */
export const blocksOf = (page) =>
  [...page.replace(/<!-- not played.*?^```$/gms, "").matchAll(BLOCK)].map(([, block]) => block);

const escape = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** The pattern for an output, and the ids in it that later commands may use. */
const patternOf = (output) => {
  const uuids = [];
  let [pattern, end] = ["", 0];
  for (const { 0: text, groups, index } of output.matchAll(PARTS)) {
    pattern += escape(output.slice(end, index));
    end = index + text.length;
    if (groups.any) pattern += "[^]*?";
    else if (groups.uuid) pattern += `(${UUID})`;
    else if (groups.date) pattern += `(?:${DATES})`;
    else if (groups.time) pattern += `(?:${TIMES})`;
    else pattern += text.includes("\n") ? "\\s*" : "\\s+";
    if (groups.uuid) uuids.push(text);
  }
  return { pattern: new RegExp(`^\\s*${pattern + escape(output.slice(end))}\\s*$`), uuids };
};

/** Commands of packages, as `npx` starts them, without asking the registry. */
const NPX = `#!/bin/sh
[ "$1" = -y ] && shift
name=$(basename "$1"); shift
case $name in server-*) name=mcp-$name ;; esac
exec "$name" "$@"
`;

/** The programs of the sessions: the latest build of the proxy, and servers that are installed for the tests. */
const programs = (folder) => {
  const command = (process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy")).split(" ");
  const script = (name, text) => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  };
  mkdirSync(folder);
  script("mcp-proxy", `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(" ")} "$@"\n`);
  script("npx", NPX);
  return [folder, join(repositoryRoot, "node_modules/.bin"), process.env.PATH].join(":");
};

/** A shell whose output, and that of everything it starts, is collected. */
class Shell {
  #child;
  #printed = { inBackground: "", inFront: "" };
  #done = 0;
  #changed = () => {};
  #closed;
  #folder = mkdtempSync(join(tmpdir(), "mcp-proxy-session-"));
  home = join(this.#folder, "home");

  constructor() {
    mkdirSync(join(this.home, "node_modules"), { recursive: true });
    symlinkSync(repositoryRoot, join(this.home, "node_modules/mcp-proxy"));
    const packages = "node_modules/@modelcontextprotocol";
    symlinkSync(join(repositoryRoot, packages), join(this.home, packages));
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(MCP_PROXY_|XDG_|RUST_LOG|NO_COLOR|NODE_)/.test(name),
    );
    this.#child = spawn("bash", ["--noprofile", "--norc", "-s"], {
      cwd: this.home,
      detached: true,
      env: { ...Object.fromEntries(own), HOME: this.home, PATH: programs(join(this.#folder, "bin")) },
      stdio: ["pipe", "pipe", "ignore", "pipe", "pipe"],
    });
    this.#child.stdin.write("exec 2>&1\n");
    this.#collect(this.#child.stdout, "inFront");
    this.#collect(this.#child.stdio[4], "inBackground");
    this.#child.stdio[3].on("data", ({ length }) => this.#note(() => (this.#done += length)));
    this.#closed = new Promise((resolve) => this.#child.once("close", resolve));
  }

  #collect(stream, place) {
    stream.setEncoding("utf8").on("data", (text) => this.#note(() => (this.#printed[place] += text)));
  }

  #note(change) {
    change();
    this.#changed();
  }

  /**
   * Runs a command, waits until the output since the last one `fits`, and returns it. With `quiet`, the output also
   * counts once nothing has been printed for this many milliseconds.
   */
  async run(command, fits, quiet) {
    const { home } = this;
    const before = this.#done;
    const place = /^#|&$/.test(command) ? "inBackground" : "inFront";
    const output = command.endsWith("&") ? ">&4 2>&4" : "4>&-";
    // The marker is a byte on another descriptor, which no program of the session inherits.
    this.#child.stdin.write(
      `{ ${command.startsWith("#") ? ":" : command}\n} ${output} 3>&-\nstatus=$?; printf . >&3; (exit $status)\n`,
    );
    const deadline = Date.now() + DEADLINE_MS;
    for (let changed = true; ; changed = await this.#change(quiet ?? deadline - Date.now())) {
      const printed = this.#printed[place].replaceAll(home, "~").replaceAll("\r", "");
      const isQuiet = quiet && !changed && (printed !== "" || !command.endsWith("&"));
      if (this.#done > before && (fits(printed) || isQuiet)) {
        this.#printed[place] = "";
        return printed;
      }
      if (!changed && Date.now() >= deadline) throw new Error(printed);
    }
  }

  #change(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds, false);
      this.#changed = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  async end() {
    const forced = setTimeout(() => this.#child.stdio.forEach((stream) => stream?.destroy()), 15_000);
    process.kill(-this.#child.pid, "SIGTERM");
    this.#child.stdin.end();
    this.#child.kill("SIGKILL");
    await this.#closed;
    clearTimeout(forced);
    rmSync(this.#folder, { force: true, recursive: true });
  }
}

/** The ports in a page, and a free one for each. */
const portsOf = async (blocks) => {
  const named = blocks.flatMap((block) => [...block.matchAll(/(?:[pP]ort[= ]|localhost:|127\.0\.0\.1:)(\d{4,5})\b/g)]);
  const ports = new Map();
  for (const [, port] of named) if (!ports.has(port)) ports.set(port, String(await freePort()));
  return ports;
};

const exchange = (text, pairs) => pairs.reduce((now, [from, to]) => now.replaceAll(from, to), text);

/**
 * Plays the sessions of a page. With `quiet`, the output need not match, and the page is returned with the current
 * output; see scripts/sessions.mjs.
 */
export const play = async (page, quiet) => {
  const blocks = blocksOf(page);
  const ports = [...(await portsOf(blocks))];
  const back = ports.map(([named, port]) => [port, named]);
  const stage = { back, ids: new Map(), ports, quiet, shell: new Shell() };
  let recorded = page;
  try {
    for (const block of blocks) {
      const outputs = [];
      for (const step of stepsOf(block)) outputs.push(await playStep(stage, step));
      recorded = recorded.replace(block, () => outputs.join(""));
    }
  } finally {
    await stage.shell.end();
  }
  return recorded;
};

const writeShown = ({ ports, shell }, { command, output }) => {
  const [, file] = /^cat ([\w./-]+)$/.exec(command) ?? [];
  if (!file || existsSync(join(shell.home, file))) return;
  mkdirSync(dirname(join(shell.home, file)), { recursive: true });
  writeFileSync(join(shell.home, file), exchange(`${output}\n`, ports));
};

/** A line that a server writes to its standard error, before or after the lines of the proxy. */
const SAID = /^Starting default \(STDIO\) server\.\.\.$/;

/** The text with such lines at its end, or without them if the document does not show any. */
const ordered = (text, shown = text) => {
  const lines = text.trimEnd().split("\n");
  const said = shown.split("\n").some((line) => SAID.test(line)) ? lines.filter((line) => SAID.test(line)) : [];
  return [...lines.filter((line) => !SAID.test(line)), ...said].join("\n");
};

const playStep = async (stage, step) => {
  const { back, ids, ports, quiet, shell } = stage;
  const { pattern, uuids } = patternOf(ordered(step.output));
  writeShown(stage, step);
  const fits = (printed) =>
    (!quiet || step.output !== "") && pattern.test(ordered(exchange(printed, back), step.output));
  const text = await shell.run(exchange(exchange(step.command, [...ids]), ports), fits, quiet).catch(({ message }) => {
    throw new Error(`$ ${step.command}\n--- should print\n${step.output}\n--- printed\n${exchange(message, back)}`);
  });
  const printed = exchange(text, back).trimEnd();
  const found = fits(text) ? pattern.exec(ordered(printed, step.output)) : undefined;
  const actual = found?.slice(1) ?? printed.match(new RegExp(UUID, "g")) ?? [];
  uuids.forEach((uuid, index) => ids.has(uuid) || ids.set(uuid, actual[index]));
  const shown = found
    ? step.output
    : exchange(
        printed,
        [...ids].map(([named, id]) => [id, named]),
      );
  return `$ ${step.command}\n${shown}${shown && "\n"}`;
};

/** The pages that people read, the README first. */
export const pages = () => {
  const names = readdirSync(join(repositoryRoot, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...names.map((name) => join("docs", name))];
};
