// Parts of the tunnel's tests: a real tunnel server, a tunnel to it, and the public side.
import assert from "node:assert/strict";
import { execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { freePort } from "../support/port.mjs";

const DEADLINE = 60_000;
const root = fileURLToPath(new URL("../..", import.meta.url));

/** Builds the example that serves a small site through a tunnel; returns its path. */
const build = () => {
  const command = "build --package mcp-proxy-core --example tunnel --message-format json";
  const artifacts = execFileSync("cargo", command.split(" "), { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const lines = artifacts.toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line)).find(({ target }) => target?.name === "tunnel").executable;
};

const program = build();

/** Polls until `probe` returns something, for events that nobody announces. */
export const until = async (probe, what) => {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < end, `${what} did not happen`);
    await delay(20);
  }
};

/** Starts a tunnel server that ends with the test `t`. */
export const startServer = async (t, options = {}) => {
  const child = fork(new URL("server.mjs", import.meta.url), [JSON.stringify({ port: 0, ...options })]);
  t.after(() => child.kill("SIGKILL"));
  const reports = [];
  child.on("message", (report) => reports.push(report));
  const died = once(child, "exit").then(([code]) => assert.fail(`the tunnel server ended with status ${code}`));
  died.catch(() => {});
  const { port } = await Promise.race([until(() => reports.find((report) => report.port), "listening"), died]);
  return {
    host: `http://localhost:${port}`,
    port,
    reports,
    /** The number of a tunnel's pool connections; 0 if there is no such tunnel. */
    connections: async (id) => {
      const response = await fetch(`http://localhost:${port}/api/tunnels/${id}/status`);
      return (await response.json().catch(() => ({}))).connectedSockets ?? 0;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
};

/** A server that uses a free port for all tunnels. */
export const startSharedServer = async (t, options = {}) =>
  startServer(t, { tunnelPort: await freePort(), ...options });

/** Starts a tunnel that ends with the test `t`. It may fail to open. */
export const startTunnel = (t, host, { environment = {}, subdomain = [] } = {}) => {
  const env = { ...process.env, NO_PROXY: "localhost", ...environment };
  const child = spawn(program, [host, ...[subdomain].flat()], { env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const lines = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const exited = once(child, "exit");
  const line = (text) => until(() => lines.find((one) => one.includes(text)), `a line with "${text}"`);
  return {
    child,
    exited,
    line,
    lines,
    url: async () => (await line("tunnel established at ")).split(" ").at(-1),
  };
};

/**
 * Waits until a tunnel's server has a pool connection. The server forgets a tunnel without one after a second, which
 * may happen on a busy machine; then the tunnel is registered again.
 */
export const connected = (server, url) => {
  const [id] = new URL(url).hostname.split(".");
  return until(async () => (await server.connections(id)) > 0, "a connection of the pool");
};

/** Opens the public side of a request to a tunnel's URL; resolves to the response when it begins. */
export const open = (url, path, { body } = {}) =>
  new Promise((resolve, reject) => {
    const { host, port } = new URL(url);
    const method = body ? "POST" : "GET";
    const signal = AbortSignal.timeout(2 * DEADLINE);
    http
      .request({ headers: { host }, host: "127.0.0.1", method, path, port, signal }, resolve)
      .on("error", reject)
      .end(body);
  });

/** One public request, to its end. */
export const request = async (url, path, options) => {
  const response = await open(url, path, options);
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, text: Buffer.concat(chunks).toString() };
};

/** Forwards requests to `host` after `answers` are used up; each of them gets the response to write. */
export const startStub = async (t, host, answers) => {
  const stub = http.createServer(async (incoming, response) => {
    const answer = answers.shift();
    if (answer) return answer(response);
    const passed = await fetch(host + incoming.url);
    response.end(await passed.text());
  });
  t.after(() => stub.close());
  stub.listen(0);
  await once(stub, "listening");
  return `http://localhost:${stub.address().port}`;
};

/** `fetch` to a public URL whose name cannot be resolved: the tunnel server listens on loopback. */
export const fetchPublic = (input, { body, headers, method = "GET", signal } = {}) =>
  new Promise((resolve, reject) => {
    const { host, pathname, port, search } = new URL(input);
    const sent = { ...Object.fromEntries(new Headers(headers)), host };
    const answered = (response) => {
      const empty = [202, 204].includes(response.statusCode);
      if (empty) response.resume();
      const content = empty ? null : Readable.toWeb(response);
      resolve(new Response(content, { headers: response.headers, status: response.statusCode }));
    };
    http
      .request({ headers: sent, host: "127.0.0.1", method, path: pathname + search, port, signal }, answered)
      .on("error", reject)
      .end(body);
  });
