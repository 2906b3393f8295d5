// The cost of knowing who calls, on Linux:
//
//   node bench/identity.mjs [--proxy PATH] [--server PATH] [--rounds 30] [--calls 2000]
//
// A server is a command with its words. Defaults are a release build of the proxy and of the bench's `echo`. The first table compares two
// proxies that get the same requests with the same header, one of which verifies it. They are called
// in turns, and CPU is the kernel's count for the proxy's threads, so that whatever else runs counts
// little; ratios are those of a round, and the middle one is shown.

import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Proxy } from "./proxy.mjs";

const { values: options } = parseArgs({
  options: {
    proxy: { type: "string", default: "target/release/mcp-proxy" },
    server: { type: "string", default: "target/release/echo" },
    rounds: { type: "string", default: "30" },
    calls: { type: "string", default: "2000" },
  },
});
const ROUNDS = Number(options.rounds);
const CALLS = Number(options.calls);

const ISSUER = "https://idp.example";
const AUDIENCE = "https://mcp.example.com/mcp";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEYS = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1" }] });
const folder = mkdtempSync(join(tmpdir(), "identity-"));
writeFileSync(join(folder, "keys.json"), KEYS);

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token as providers make them: about 700 bytes. */
function token(subject, kid = "k1") {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    sub: subject,
    aud: AUDIENCE,
    exp: now + 3600,
    iat: now,
    jti: "0b5f0d44-1f4c-4d3a-9a2e-3c1f6f3a1b11",
    client_id: "4b6f0d44-1f4c-4d3a-9a2e-3c1f6f3a1b12",
    scope: "openid profile email files files:write",
    email: `${subject}@example.com`,
    groups: ["staff", "developers"],
  };
  const text = `${encoded({ alg: "ES256", kid, typ: "at+jwt" })}.${encoded(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { dsaEncoding: "ieee-p1363", key: privateKey }).toString("base64url")}`;
}
const TRUSTING = ["--auth", ISSUER, "--authAudience", AUDIENCE, "--authJwks", join(folder, "keys.json")];

const headersOf = (token) => ({
  accept: "application/json, text/event-stream",
  authorization: `Bearer ${token}`,
  "content-type": "application/json",
});

/** This many calls, eight at a time, each made by the function. */
async function inParallel(count, call) {
  let next = 0;
  const work = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

const middle = (numbers) => numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)];

/** A caller of tools in a session of its own. */
async function caller(proxy, token) {
  const initialize = {
    id: 0,
    jsonrpc: "2.0",
    method: "initialize",
    params: { capabilities: {}, clientInfo: { name: "bench", version: "1" }, protocolVersion: "2025-11-25" },
  };
  const begun = await proxy.send("POST", "/mcp", headersOf(token), JSON.stringify(initialize));
  const session = begun.response.headers["mcp-session-id"];
  const headers = { ...headersOf(token), "mcp-session-id": session };
  return async (id) => {
    const call = { id, jsonrpc: "2.0", method: "tools/call", params: { arguments: { text: "x" }, name: "echo" } };
    const { response } = await proxy.send("POST", "/mcp", headers, JSON.stringify(call));
    if (response.statusCode !== 200) throw new Error(`a call got ${response.statusCode}`);
  };
}

async function cached() {
  const shown = token("alice");
  const proxies = [await Proxy.start(options, []), await Proxy.start(options, TRUSTING)];
  const callers = [await caller(proxies[0], shown), await caller(proxies[1], shown)];
  for (const call of callers) await inParallel(CALLS * 2, call);
  const [ratios, costs] = [[], [[], []]];
  for (let round = 0; round < ROUNDS; round += 1) {
    const spent = [0, 0];
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const before = proxies[index].cpu();
      await inParallel(CALLS, callers[index]);
      spent[index] = (proxies[index].cpu() - before) / CALLS / 1000;
      costs[index].push(spent[index]);
    }
    ratios.push(spent[1] / spent[0]);
  }
  for (const proxy of proxies) await proxy.stop();
  const percent = ((middle(ratios) - 1) * 100).toFixed(1);
  const [without, with_] = costs.map((all) => middle(all).toFixed(2));
  console.log(
    `a call with a verified token: ${with_} µs of CPU, without --auth ${without} µs: ${percent} % (at most 2 %)`,
  );
}

async function first() {
  const proxy = await Proxy.start(options, TRUSTING);
  const known = headersOf(token("alice"));
  const get = async (headers) => {
    const { response } = await proxy.send("GET", "/nowhere", headers);
    if (response.statusCode !== 404) throw new Error(`a request got ${response.statusCode}`);
  };
  await inParallel(CALLS, () => get(known));
  const differences = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const fresh = Array.from({ length: 200 }, (_, index) => headersOf(token(`${round}-${index}`)));
    let before = proxy.cpu();
    await inParallel(fresh.length, () => get(known));
    const usual = proxy.cpu() - before;
    before = proxy.cpu();
    await inParallel(fresh.length, (index) => get(fresh[index]));
    differences.push((proxy.cpu() - before - usual) / fresh.length / 1000);
  }
  await proxy.stop();
  console.log(`the first verification (ES256): ${middle(differences).toFixed(1)} µs of CPU (at most 100 µs)`);
}

async function memory() {
  const proxy = await Proxy.start(options, TRUSTING);
  const get = (token) => proxy.send("GET", "/nowhere", headersOf(token));
  await inParallel(2000, () => get(token("alice")));
  const before = proxy.memory();
  await inParallel(10_000, (index) => get(token(`person-${index}`)));
  const megabytes = (proxy.memory() - before) / 1024 / 1024;
  await proxy.stop();
  console.log(`10,000 identities: ${megabytes.toFixed(1)} MiB (at most 5 MB)`);
}

async function flood() {
  let fetches = 0;
  const keys = createServer((_, response) => {
    fetches += 1;
    response.setHeader("content-type", "application/json").end(KEYS);
  });
  keys.listen(0, "127.0.0.1");
  await once(keys, "listening");
  const place = `http://127.0.0.1:${keys.address().port}/keys`;
  const proxy = await Proxy.start(options, ["--auth", ISSUER, "--authAudience", AUDIENCE, "--authJwks", place]);
  await proxy.send("GET", "/nowhere", headersOf(token("alice")));
  const [start, atStart] = [Date.now(), fetches];
  await inParallel(5000, (index) => proxy.send("GET", "/nowhere", headersOf(token("mallory", `kid-${index}`))));
  const seconds = ((Date.now() - start) / 1000).toFixed(0);
  await proxy.stop();
  keys.closeAllConnections();
  keys.close();
  console.log(`5,000 unknown kids in ${seconds} s: ${fetches - atStart} fetches of keys (at most one a minute)`);
}

try {
  await cached();
  await first();
  await memory();
  await flood();
} finally {
  rmSync(folder, { recursive: true });
}
