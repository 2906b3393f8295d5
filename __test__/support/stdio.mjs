// A server over stdio, as its client sees it: lines in, lines out.

import { spawn } from "node:child_process";
import { once } from "node:events";

import { Journal } from "./journal.mjs";
import { eachLine } from "./lines.mjs";
import { repositoryRoot } from "./proxy.mjs";

const INITIALIZE = {
  capabilities: { elicitation: {}, roots: { listChanged: true }, sampling: {} },
  clientInfo: { name: "peer", version: "1" },
  protocolVersion: "2025-11-25",
};

export class Stdio {
  /** Every line that the server wrote. */
  lines = new Journal();
  stderr = new Journal();
  #child;
  #exit;
  #last = 0;

  /**
   * Starts a command. The server's requests are answered by `answers[method](params)`, and every line of its standard
   * error is passed to `complain`.
   */
  constructor([program, ...words], { answers = {}, complain = () => {}, environment = {} } = {}) {
    this.#child = spawn(program, words, {
      cwd: repositoryRoot,
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#exit = once(this.#child, "exit");
    this.#child.stdin.on("error", () => {});
    eachLine(this.#child.stderr, (line) => {
      this.stderr.push(line);
      complain(line);
    });
    eachLine(this.#child.stdout, (line) => {
      this.lines.push(line);
      const { id, method, params } = JSON.parse(line);
      if (id === undefined || method === undefined) return;
      this.send({ id, jsonrpc: "2.0", result: answers[method]?.(params) ?? {} });
    });
  }

  /** Starts a command and makes the handshake. */
  static async open(command, options) {
    const stdio = new Stdio(command, options);
    await stdio.greet();
    return stdio;
  }

  /** Makes the handshake; returns the line with the server's answer. */
  async greet() {
    const greeting = await this.request("initialize", INITIALIZE);
    this.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return greeting;
  }

  send(message) {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** Sends a request; returns the line with the answer. */
  async request(method, params) {
    const id = (this.#last += 1);
    this.send({ id, jsonrpc: "2.0", method, params });
    return this.lines.first((line) => {
      const message = JSON.parse(line);
      return message.id === id && message.method === undefined;
    }, `the answer to ${method}`);
  }

  call(name, args = {}, meta) {
    const params = { arguments: args, name };
    return this.request("tools/call", meta ? { ...params, _meta: meta } : params);
  }

  /** Ends the input; returns the exit code of the process. */
  async close() {
    this.#child.stdin.end();
    const [code] = await this.#exit;
    return code;
  }

  /** Ends the process. */
  kill() {
    this.#child.kill("SIGKILL");
  }
}
