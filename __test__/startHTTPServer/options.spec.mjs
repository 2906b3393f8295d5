import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import inOptionsModule from "../../crates/node/js/in_options.js";
import { startHTTPServer } from "../../index.js";
import { serve, serverV2 } from "./support.mjs";

const { inOptions } = inOptionsModule;
const createServer = async () => serverV2();

const wrong = [
  [{ port: "80" }, /"port" must be an integer from 0 to 65535, not "80"/],
  [{ port: 70000 }, /"port"/],
  [{ port: undefined }, /"port"/],
  [{ apiKey: 1 }, /"apiKey" must be a string that is not empty, not 1/],
  [{ apiKey: "" }, /"apiKey" must be a string that is not empty, not ""/],
  [{ apiKey: Symbol("k") }, /"apiKey" must be a string that is not empty, not a symbol/],
  [{ apiKey: 1n }, /"apiKey" must be a string that is not empty, not a bigint/],
  [{ apiKey: new String("k") }, /"apiKey" must be a string that is not empty, not an object/],
  [{ apiKey: () => "k" }, /"apiKey" must be a string that is not empty, not a function/],
  [{ apiKey: ["k"] }, /"apiKey" must be a string that is not empty, not an array/],
  [{ allowedHosts: "*" }, /"allowedHosts" must be an array of strings, not "\*"/],
  [{ allowedHosts: [Symbol("h")] }, /"allowedHosts" must be an array of strings, not an array/],
  [{ authenticate: "" }, /"authenticate" must be a function, not ""/],
  [{ authenticate: false }, /"authenticate" must be a function, not false/],
  [{ cors: { origin: "" } }, /"cors.origin" must be/],
  [{ cors: { credentials: "yes" } }, /"cors.credentials" must be a boolean/],
  [{ host: "" }, /"host" must be a string that is not empty/],
  [{ maxBuffered: "1gb" }, /"maxBuffered" must be false or a number/],
  [{ oauth: NaN }, /"oauth" must be an object, not NaN/],
  [{ oauth: Symbol("o") }, /"oauth" must be an object, not a symbol/],
  [{ sslCert: "", sslKey: "" }, /"sslCert" must be a string that is not empty/],
  [{ writeTimeout: "1m" }, /"writeTimeout" must be a number/],
  [{ authenticate: {} }, /"authenticate" must be a function/],
  [{ cors: "*" }, /"cors" must be a boolean or an object/],
  [{ cors: { origin: 1 } }, /"cors.origin" must be a string that is not empty or an array of strings or a function/],
  [{ eventStore: 1 }, /"eventStore" must be false or an object, not 1/],
  [{ eventStoreMaxEvents: 0 }, /"eventStoreMaxEvents" must be a number of at least 1/],
  [{ eventStoreMaxEvents: NaN }, /"eventStoreMaxEvents"/],
  [{ maxBodySize: "1mb" }, /"maxBodySize"/],
  [{ oauth: "x" }, /"oauth" must be an object/],
  [{ stateless: "yes" }, /"stateless" must be a boolean, not "yes"/],
  [{ createServer: undefined }, /"createServer" and "upstream"/],
  [{ upstream: { command: "x" } }, /"createServer" and "upstream"/],
  [{ config: "f" }, /"createServer" and "upstream" must be given, or "config"/],
  [{ config: 1, createServer: undefined }, /"config" must be a string that is not empty or an object, not 1/],
  [{ createServer: undefined, upstream: {} }, /"upstream.command" must be a string, not undefined/],
  [{ createServer: undefined, upstream: { args: [1], command: "x" } }, /"upstream.args" must be an array of strings/],
  [{ createServer: undefined, upstream: { command: "x", upstreamProtocol: "old" } }, /"auto" or "legacy" or "modern"/],
  [{ createServer: undefined, upstream: { command: "x", env: { A: 1 } } }, /"upstream.env" must be an object whose/],
  ...[
    [{ childIdleTimeout: "1m" }, /"upstream.childIdleTimeout" must be a number, not "1m"/],
    [{ inheritEnv: 1 }, /"upstream.inheritEnv" must be a boolean/],
    [
      { isolation: "none" },
      /"upstream.isolation" must be "shared" or "session" or "identity" or "request", not "none"/,
    ],
    [{ maxChildren: 0 }, /"upstream.maxChildren" must be an integer from 1 to 4294967295, not 0/],
    [{ maxLineSize: 1.5 }, /"upstream.maxLineSize" must be an integer/],
    [{ maxRestarts: -1 }, /"upstream.maxRestarts" must be an integer from 0 to 1000000, not -1/],
    [{ pingInterval: true }, /"upstream.pingInterval" must be a number, not true/],
    [{ prewarm: 1025 }, /"upstream.prewarm" must be an integer from 0 to 1024, not 1025/],
    [{ restart: "sometimes" }, /"upstream.restart" must be "on-failure" or "always" or "never", not "sometimes"/],
  ].map(([upstream, message]) => [{ createServer: undefined, upstream: { command: "x", ...upstream } }, message]),
  [{ modern: "lax" }, /"modern" must be a boolean or "strict", not "lax"/],
  [{ oauth: { protectedResource: { resource: 1 } } }, /"oauth.protectedResource.resource" must be a string/],
  [{ onClose: "x" }, /"onClose" must be a function/],
  [{ port: 1.5 }, /"port" must be an integer from 0 to 65535, not 1.5/],
  [{ tunnel: { host: 1 } }, /"tunnel.host" must be a string/],
];

for (const [options, message] of wrong) {
  test(`a TypeError says what is wrong: ${message}`, async (t) => {
    await assert.rejects(serve(t, options), { message, name: "TypeError" });
  });
}

test("options that are not an object are a TypeError", async () => {
  for (const options of [undefined, null, 1, "x", [], () => {}]) {
    await assert.rejects(startHTTPServer(options), { name: "TypeError" });
  }
});

test("options are read by name, and once, wherever they are", async (t) => {
  const open = { createServer, host: "127.0.0.1", port: 0 };
  class Options {
    #key = "k";
    constructor() {
      Object.assign(this, open);
    }
    get apiKey() {
      return this.#key;
    }
  }
  class Guarded {
    #refused = 0;
    constructor() {
      Object.assign(this, open);
    }
    async authenticate() {
      this.#refused += 1;
      return this.#refused === 0;
    }
  }
  let reads = 0;
  const changing = {
    ...open,
    get apiKey() {
      reads += 1;
      return reads === 1 ? "k" : undefined;
    },
  };
  const inherited = Object.assign(Object.create({ apiKey: "k" }), open);
  for (const options of [new Options(), new Guarded(), inherited, changing]) {
    const server = await startHTTPServer(options);
    t.after(() => server.close());
    const { status } = await fetch(`http://127.0.0.1:${server.port}/sse`);
    assert.equal(status, 401);
  }
  assert.equal(reads, 1);
});

test("null and undefined are defaults, and infinite numbers mean no limit", async (t) => {
  const { url } = await serve(t, {
    apiKey: undefined,
    cors: null,
    eventStore: null,
    eventStoreMaxEvents: Infinity,
    keepAliveTimeout: undefined,
    maxBodySize: Infinity,
    oauth: null,
    sessionIdleTimeout: NaN,
    sseEndpoint: null,
    sslCa: null,
  });
  assert.equal((await fetch(`${url}/ping`)).status, 200);
  assert.equal((await fetch(`${url}/sse`)).status, 404);
});

test("a port in use rejects with Node's code", async (t) => {
  const { port } = await serve(t);
  await assert.rejects(startHTTPServer({ createServer, host: "127.0.0.1", port }), (error) => {
    assert.equal(error.code, "EADDRINUSE");
    assert.doesNotMatch(error.message, /--/);
    return true;
  });
});

test("errors name options rather than flags", () => {
  for (const [flags, options] of [
    ["the port (--port) is taken", "the port (port) is taken"],
    ["it is the limit (--maxChildren)", "it is the limit (upstream.maxChildren)"],
    ["expected is x (--authAudience)", "expected is x (auth.audience)"],
    ["--publicUrl is not a URL; --auth", "auth.publicUrl is not a URL; auth.issuer"],
    ["a certificate (--sslCert) and its key (--sslKey)", "a certificate (sslCert) and its key (sslKey)"],
    ["what has no option: --frobnicate", "what has no option: --frobnicate"],
    ["no flags: a--port, x---host", "no flags: a--port, x---host"],
  ]) {
    assert.equal(inOptions(flags), options);
  }
});

test("a certificate that cannot be read rejects with its path", async () => {
  const options = { createServer, port: 0, sslCert: "/no/cert.pem", sslKey: "/no/key.pem" };
  await assert.rejects(startHTTPServer(options), /Failed to read certificate file '\/no\/cert.pem'/);
});

test("every option of the types is read", async () => {
  const { AUTH, HTTP_SERVER, UPSTREAM } = await import("../../crates/node/js/options.js");
  const types = readFileSync(new URL("../../index.d.ts", import.meta.url), "utf8");
  const members = (name) => {
    const [, body] = new RegExp(`^export interface ${name}\\b[^{]*{\\n(.*?)^}`, "ms").exec(types);
    return [...body.matchAll(/^ {2}(\w+)\??[:(]/gm)].map(([, member]) => member);
  };
  for (const [known, ...interfaces] of [
    [HTTP_SERVER, "HTTPServerOptions", "HTTPServerHooks"],
    [UPSTREAM, "UpstreamOptions"],
    [AUTH, "AuthOptions"],
  ]) {
    const declared = interfaces.flatMap(members);
    assert.ok(declared.length > 10, interfaces.join());
    for (const name of declared) assert.ok(name in known, `${interfaces[0]}.${name} would be ignored`);
  }
});
