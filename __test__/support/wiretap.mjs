// Records the bytes in a stdio server's pipes, so that a test can check what the server received and what it answered,
// independently of the client.
//
// Imported, it opens the recording side; `tap.wrap(command)` is the command to give to the proxy.
// Run as a script (by that command) it starts the server, passes both pipes through byte for byte,
// and reports each line before passing it on.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";

import { Journal } from "./journal.mjs";
import { eachLine } from "./lines.mjs";

const SCRIPT = fileURLToPath(import.meta.url);

/** A journal of `{ direction: 'in' | 'out', message }`, seen from the server. */
export class Wiretap extends Journal {
  #listener = createServer((socket) => {
    eachLine(socket, (line) => this.push(JSON.parse(line)));
  });

  static async open() {
    const tap = new Wiretap();
    tap.#listener.listen(0, "127.0.0.1");
    await once(tap.#listener, "listening");
    // A test that failed before it could close the tap must still end.
    tap.#listener.unref();
    return tap;
  }

  wrap(command) {
    return [process.execPath, SCRIPT, String(this.#listener.address().port), ...command];
  }

  /** The first request with this method and what the server answered to it. */
  async exchange(method) {
    const request = (await this.first(incoming(method), `${method} to reach the server`)).message;
    const answered = ({ direction, message }) =>
      direction === "out" && message.id === request.id && message.method === undefined;
    const response = (await this.first(answered, `the server's answer to ${method}`)).message;
    return { request, response };
  }

  close() {
    this.#listener.close();
  }
}

/** Matches a message on its way to the server. */
export function incoming(method, matches = () => true) {
  return ({ direction, message }) => direction === "in" && message.method === method && matches(message);
}

/** Matches a message on its way from the server. */
export function outgoing(method, matches = () => true) {
  return ({ direction, message }) => direction === "out" && message.method === method && matches(message);
}

function runServer([port, program, ...words]) {
  const report = connect(Number(port), "127.0.0.1");
  report.on("error", () => {});
  const server = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
  pass(process.stdin, server.stdin, (line) => send(report, "in", line));
  pass(server.stdout, process.stdout, (line) => send(report, "out", line));
  process.on("SIGTERM", () => server.kill("SIGTERM"));
  server.on("exit", (code) => {
    report.destroy();
    process.exitCode = code ?? 1;
    process.stdin.destroy();
  });
}

function pass(source, sink, report) {
  eachLine(source, report);
  source.pipe(sink);
  sink.on("error", () => {});
}

function send(report, direction, line) {
  let message = line;
  try {
    message = JSON.parse(line);
  } catch {
    // It is not JSON, so it is recorded as text.
  }
  report.write(`${JSON.stringify({ direction, message })}\n`);
}

if (process.argv[1] === SCRIPT) runServer(process.argv.slice(2));
