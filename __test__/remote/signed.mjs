// A proxy in front of a server that requires tokens, and a user who signs in.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

import { eachLine } from "../support/lines.mjs";
import { repositoryRoot } from "../support/proxy.mjs";
import { Stdio } from "../support/stdio.mjs";
import { Guarded } from "./guarded.mjs";

export const binary = process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy");

/** Signs in whenever asked; keeps the opened tabs. */
export const reader = (tabs = []) => {
  return (line) => {
    if (!/^\s+http\S+$/.test(line)) return;
    tabs.push(line.trim());
    fetch(line.trim()).catch(() => {});
  };
};

/** The environment of one test: servers with habits, and proxies in front of them, all of which end with it. */
export class Stage {
  #open = [];

  static async set() {
    const stage = new Stage();
    stage.directory = await mkdtemp(join(tmpdir(), "mcp-proxy-oauth-"));
    return stage;
  }

  async server(habits) {
    const server = await new Guarded(habits).open();
    this.#open.push(() => server.close());
    return server;
  }

  /** A proxy with these flags. */
  proxy(server, flags = [], { complain = reader(), environment = {} } = {}) {
    const words = ["--transport", "stream", "--headless", "--tokenDir", this.directory, "--tokenStore", "file"];
    const options = { complain, environment: { NO_PROXY: "*", ...environment } };
    const peer = new Stdio([binary, ...(server ? [server.url] : []), ...words, ...flags], options);
    this.#open.push(() => peer.kill());
    return peer;
  }

  /** The output of the command when it does something other than serving. */
  async run(flags, environment = {}) {
    const words = [...flags, "--headless", "--tokenDir", this.directory, "--tokenStore", "file"];
    const env = { ...process.env, NO_PROXY: "*", ...environment };
    const { stdout } = await promisify(execFile)(binary, words, { env });
    return stdout;
  }

  /** The same, with a user who reads its messages and writes to its input. */
  async converse(flags, complain) {
    const words = [...flags, "--headless", "--tokenDir", this.directory, "--tokenStore", "file"];
    const child = spawn(binary, words, { env: { ...process.env, NO_PROXY: "*" } });
    this.#open.push(() => child.kill("SIGKILL"));
    eachLine(child.stderr, (line) => complain(line, child.stdin));
    const [printed] = await Promise.all([text(child.stdout), once(child, "exit")]);
    return printed;
  }

  async clear() {
    for (const close of this.#open.splice(0)) close();
    await rm(this.directory, { force: true, recursive: true });
  }
}
