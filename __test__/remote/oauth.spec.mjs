// Signing in to a remote server: once for all processes, kept for its owner, renewed when it is over.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeEach, afterEach, test } from "node:test";

import { repositoryRoot } from "../support/proxy.mjs";
import { Stdio } from "../support/stdio.mjs";

const binary = process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy");

/** A server that wants tokens, and the server that grants them, in one. */
class Guarded {
  counts = { authorize: 0, refresh: 0, register: 0 };
  denies = false;
  #server;
  #tokens = new Set();

  async open() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
    this.url = `${this.origin}/mcp`;
  }

  /** No token that was granted so far is good any more. */
  revoke() {
    this.#tokens.clear();
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.origin);
    const body = await text(request);
    const json = (value, status = 200, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(value));
    };
    const { origin } = this;
    switch (pathname) {
      case "/.well-known/oauth-authorization-server":
        return json({
          authorization_endpoint: `${origin}/authorize`,
          code_challenge_methods_supported: ["S256"],
          issuer: origin,
          registration_endpoint: `${origin}/register`,
          token_endpoint: `${origin}/token`,
        });
      case "/.well-known/oauth-protected-resource/mcp":
        return json({ authorization_servers: [origin], resource: this.url });
      case "/authorize": {
        this.counts.authorize += 1;
        const back = new URL(searchParams.get("redirect_uri"));
        back.searchParams.set(this.denies ? "error" : "code", this.denies ? "access_denied" : "c");
        back.searchParams.set("state", searchParams.get("state"));
        response.writeHead(302, { location: back.href });
        return response.end();
      }
      case "/mcp":
        return this.#serve(request, response, body, json);
      case "/register":
        this.counts.register += 1;
        return json({ client_id: "registered" }, 201);
      case "/token":
        if (new URLSearchParams(body).get("grant_type") === "refresh_token") this.counts.refresh += 1;
        return json(this.#grant());
      default:
        return json({}, 404);
    }
  }

  #grant() {
    const token = randomUUID();
    this.#tokens.add(token);
    return { access_token: token, expires_in: 3600, refresh_token: randomUUID(), token_type: "bearer" };
  }

  #serve({ headers, method }, response, body, json) {
    const metadata = `${this.origin}/.well-known/oauth-protected-resource/mcp`;
    const [, token] = /^Bearer (.*)$/.exec(headers.authorization ?? "") ?? [];
    if (!this.#tokens.has(token)) {
      return json({}, 401, { "www-authenticate": `Bearer resource_metadata="${metadata}"` });
    }
    if (method !== "POST") return json({}, 405);
    const message = JSON.parse(body);
    if (message.id === undefined) return response.writeHead(202).end();
    const greeting = { capabilities: {}, protocolVersion: "2025-11-25", serverInfo: { name: "g", version: "1" } };
    return json({ id: message.id, jsonrpc: "2.0", result: message.method === "initialize" ? greeting : {} });
  }
}

let directory, server;
const peers = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mcp-proxy-oauth-"));
  server = new Guarded();
  await server.open();
});

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.kill();
  server.close();
  await rm(directory, { force: true, recursive: true });
});

/** A proxy before the server; whoever is asked to sign in does. */
const start = () => {
  const complain = (line) => {
    if (line.trim().startsWith("http")) fetch(line.trim()).catch(() => {});
  };
  const peer = new Stdio([binary, server.url, "--headless", "--tokenDir", directory], { complain });
  peers.push(peer);
  return peer;
};

test("a sign-in is kept for its owner and serves the next process", async () => {
  const first = start();
  assert.match(await first.greet(), /serverInfo/);
  assert.equal(await first.close(), 0);

  const names = (await readdir(directory)).filter((name) => !name.endsWith(".lock"));
  assert.equal(names.length, 2, `a token and its key: ${names.join()}`);
  for (const name of names) {
    const file = join(directory, name);
    if (process.platform !== "win32") assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.ok(!(await readFile(file, "latin1")).includes("access_token"), "nothing is kept in the clear");
  }
  assert.ok(!first.lines.entries.join().includes("authorize"), "stdout is for messages");

  assert.match(await start().greet(), /serverInfo/);
  assert.deepEqual(server.counts, { authorize: 1, refresh: 0, register: 1 });
});

test("a token that is over is renewed once for all processes", async () => {
  const running = [start()];
  await running[0].greet();
  for (let number = 0; number < 3; number += 1) {
    running.push(start());
    await running.at(-1).greet();
  }
  server.revoke();
  const answers = await Promise.all(
    running.flatMap((peer) => [peer.request("tools/list"), peer.call("x"), peer.call("y")]),
  );
  for (const answer of answers) assert.match(answer, /"result"/);
  assert.deepEqual(server.counts, { authorize: 1, refresh: 1, register: 1 });
});

test("several processes that start together ask somebody to sign in once", async () => {
  const starting = [start(), start(), start()];
  for (const greeting of await Promise.all(starting.map((peer) => peer.greet()))) {
    assert.match(greeting, /serverInfo/);
  }
  assert.equal(server.counts.authorize, 1);
});

test("a refusal to sign in is the answer", async () => {
  server.denies = true;
  const peer = start();
  assert.match(await peer.greet(), /401 Unauthorized: access_denied/);
  assert.equal(await peer.close(), 1);
});
