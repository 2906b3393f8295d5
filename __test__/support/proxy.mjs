// The native binary under test, as a child process.
//
// The command is `target/debug/mcp-proxy` of this repository unless MCP_PROXY_BIN names another
// one (a path, or several words separated by spaces). It is started on port 0 and is ready once it
// has printed `listening on <url>`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { Journal } from "./journal.mjs";
import { eachLine } from "./lines.mjs";

const STOP_DEADLINE_MS = 15_000;
const LISTENING = /listening on (https?):\/\/\S*?:(\d+)/;

export const repositoryRoot = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Starts `mcp-proxy --port 0 <flags> -- <command>` and resolves once it listens.
 * The caller owns the process and must call `stop()`.
 */
export async function startProxy({ command, environment = {}, flags = [] }) {
  return start([...flags, "--", ...command], environment);
}

/** The same for the servers of a file: `mcp-proxy --port 0 --config <file>`. */
export async function startServers(file, { environment = {}, flags = [] } = {}) {
  return start([...flags, "--config", file], environment);
}

async function start(line, environment) {
  const [program, ...words] = binary();
  const child = spawn(program, [...words, "--port", "0", ...line], {
    cwd: repositoryRoot,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const proxy = new ProxyProcess(child);
  await proxy.ready();
  return proxy;
}

class ProxyProcess {
  stderr = new Journal();
  stdout = new Journal();
  url;
  /** The words that start the program. */
  words = binary();
  #child;
  #exit;

  constructor(child) {
    this.#child = child;
    this.#exit = once(child, "exit");
    // Callers that await the exit see its error; if nobody awaits it yet, it must not end the test run.
    this.#exit.catch(() => {});
    for (const name of ["stdout", "stderr"]) {
      eachLine(child[name], (line) => this[name].push(line));
    }
  }

  get pid() {
    return this.#child.pid;
  }

  async ready() {
    const listening = this.stdout.first((line) => LISTENING.test(line), "the listening line");
    const early = this.#exit.then(([code, signal]) => {
      const output = [...this.stdout.entries, ...this.stderr.entries].join("\n");
      throw new Error(`mcp-proxy ended (${code ?? signal}) before it listened:\n${output}`);
    });
    early.catch(() => {});
    try {
      const [, scheme, port] = LISTENING.exec(await Promise.race([listening, early]));
      this.url = `${scheme}://127.0.0.1:${port}`;
    } catch (error) {
      listening.catch(() => {});
      this.#child.kill("SIGKILL");
      throw error;
    }
  }

  /** Ends it at once, if it has not ended yet: a process that a failed test leaves behind keeps its runner alive. */
  kill() {
    this.#child.kill("SIGKILL");
  }

  /** Ends the proxy as an operator would and demands a clean exit. */
  async stop() {
    const forced = setTimeout(() => this.#child.kill("SIGKILL"), STOP_DEADLINE_MS);
    this.#child.kill("SIGTERM");
    const [code, signal] = await this.#exit;
    clearTimeout(forced);
    const stderr = this.stderr.entries.join("\n");
    assert.equal(code, 0, `mcp-proxy ended with ${code ?? signal} after SIGTERM; stderr:\n${stderr}`);
  }
}

function binary() {
  const suffix = process.platform === "win32" ? ".exe" : "";
  return (process.env.MCP_PROXY_BIN ?? `${repositoryRoot}target/debug/mcp-proxy${suffix}`).split(" ");
}
