// `auth` of `startHTTPServer`, with tokens of a real authorization server, and the lines that are printed.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { sdks } from "../clients/sdk.mjs";
import { CALL, INITIALIZE, openSession, post, serve, serverV1, until } from "../startHTTPServer/support.mjs";
import { Person } from "./person.mjs";
import { startProvider, tokenOf } from "./provider.mjs";

const MIRROR = "/.well-known/oauth-authorization-server";

/** The lines that are printed from now on. */
const printed = (t) => {
  const lines = t.mock.method(console, "error", () => {});
  return () => lines.mock.calls.map((call) => call.arguments.join(" "));
};

const telling = {
  args: [fileURLToPath(new URL("../fixtures/telling.mjs", import.meta.url))],
  command: process.execPath,
};

const callOf = (name, given = {}) => ({ ...CALL, params: { arguments: given, name } });

const bearer = async (provider) => ({ authorization: `Bearer ${await tokenOf(provider)}` });

describe("auth in Node", () => {
  let provider;
  let machines;
  before(async () => {
    provider = await startProvider();
    machines = await startProvider({ audience: "app" });
  });
  after(() => {
    provider?.close();
    machines?.close();
  });

  for (const kind of sdks) {
    test(`${kind.name} signs in`, async (t) => {
      const { url } = await serve(t, { auth: { issuer: provider.issuer, scopes: ["files"] } });
      const alice = new Person(kind, `${url}/mcp`, "alice");
      const client = await alice.signIn();
      const result = await kind.callTool(client, { arguments: {}, name: "who" });
      assert.ok(result.content[0].text);
      await client.close();
    });
  }

  test("mirror: true serves the issuer's metadata, too", async (t) => {
    const own = await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json();
    const mirroring = await serve(t, { auth: { issuer: provider.issuer, mirror: true } });
    for (const path of ["", "/mcp", "/sse"]) {
      const response = await fetch(mirroring.url + MIRROR + path, { headers: { origin: "https://app.example" } });
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      assert.deepEqual(await response.json(), own);
    }
    const silent = await serve(t, { auth: { issuer: provider.issuer } });
    assert.equal((await fetch(silent.url + MIRROR)).status, 401);
  });

  test("a callback is called for every caller with a token, and for nobody else", async (t) => {
    const asked = [];
    const authenticate = async (request) => {
      asked.push(request.headers.authorization);
      return request.headers["x-banned"] ? { authenticated: false, error: "banned" } : { role: "admin" };
    };
    const createServer = async () => serverV1();
    const auth = { audience: "app", issuer: machines.issuer };
    const { url } = await serve(t, { auth, authenticate, createServer });
    assert.equal((await post(url, INITIALIZE)).status, 401);
    assert.deepEqual(asked, [], "not called without a token");
    const token = await bearer(machines);
    const session = await openSession(url, token);
    assert.deepEqual(new Set(asked), new Set([token.authorization]));
    assert.equal((await post(url, CALL, { headers: session })).status, 200);
    const banned = await post(url, INITIALIZE, { headers: { ...token, "x-banned": "1" } });
    assert.equal(banned.status, 401);
    assert.match(banned.body, /banned/);
  });

  test("opaque tokens are introspected", async (t) => {
    const opaque = await startProvider({ audience: "app", opaque: true });
    t.after(() => opaque.close());
    const place = Object.assign(new URL("/token/introspection", opaque.issuer), {
      password: "machine-secret",
      username: "machine",
    });
    const auth = { audience: "app", introspect: place.href, issuer: opaque.issuer };
    const { url } = await serve(t, { auth });
    await openSession(url, await bearer(opaque));
    assert.equal((await post(url, INITIALIZE, { headers: { authorization: "Bearer x" } })).status, 401);
    const asked = () => opaque.asked.filter((path) => path.startsWith("/token/introspection")).length;
    const before = asked();
    await openSession(url, await bearer(opaque));
    assert.equal(asked(), before + 1, "another token");
    assert.equal((await post(url, INITIALIZE, { headers: { authorization: "Bearer x" } })).status, 401);
    assert.equal(asked(), before + 1, "the refusal is remembered");
  });

  test("a file of servers requires tokens, with rules for all servers", async (t) => {
    const lines = printed(t);
    const auth = { audience: "app", issuer: machines.issuer, tools: { tell: ["files:write"] } };
    const config = { mcpServers: { one: telling, two: telling } };
    const { url } = await serve(t, { auth, config, createServer: undefined });
    const token = await bearer(machines);
    for (const endpoint of ["", "/servers/one"]) {
      assert.equal((await post(url + endpoint, INITIALIZE)).status, 401, endpoint);
      const session = await openSession(url + endpoint, token);
      const name = endpoint === "" ? "one__tell" : "tell";
      const { headers, status } = await post(url + endpoint, callOf(name), { headers: session });
      assert.equal(status, 403, endpoint);
      assert.match(headers.get("www-authenticate"), /scope="files:write"/);
    }
    await until(() => lines().some((text) => text.includes('outcome="insufficient_scope"')));
  });

  test("each caller has a server that knows the caller", async (t) => {
    const env = { PATH: "<${claim:sub}>" };
    const upstream = { ...telling, env, isolation: "identity" };
    const { url } = await serve(t, {
      auth: { audience: "app", issuer: machines.issuer },
      createServer: undefined,
      upstream,
    });
    const session = await openSession(url, await bearer(machines));
    const { messages } = await post(url, callOf("tell"), { headers: session });
    assert.match(messages.at(-1).result.content[0].text, /<machine>/);
    assert.equal((await post(url, INITIALIZE)).status, 401);
  });

  test("the line about a refused token names options", async (t) => {
    const lines = printed(t);
    const { url } = await serve(t, { auth: { audience: "other", issuer: machines.issuer } });
    const { body, status } = await post(url, INITIALIZE, { headers: await bearer(machines) });
    assert.equal(status, 401);
    assert.doesNotMatch(body, /audience/);
    const line = () => lines().find((text) => text.includes("the token's audience"));
    await until(line);
    assert.match(line(), /^\[mcp-proxy\] refused a request: .* is "app"; expected is "other" \(auth\.audience\)/);
    assert.match(line(), /outcome="invalid_token"/);
  });

  test("refusals by the callback are not printed", async (t) => {
    const lines = printed(t);
    const authenticate = async () => ({ authenticated: false });
    const { url } = await serve(t, { auth: { audience: "app", issuer: machines.issuer }, authenticate });
    assert.equal((await post(url, INITIALIZE, { headers: await bearer(machines) })).status, 401);
    assert.equal((await post(url, INITIALIZE)).status, 401);
    await until(() => lines().some((text) => text.includes("no credentials")));
    assert.equal(lines().filter((text) => text.includes("refused")).length, 1, lines().join("\n"));
  });

  test("an unreachable issuer is reported", async (t) => {
    const lines = printed(t);
    const issuer = `${provider.issuer}/nowhere`;
    const { url } = await serve(t, { auth: { audience: "app", issuer, mirror: true } });
    await until(() => lines().some((text) => text.includes("cannot be mirrored")));
    await until(() => lines().some((text) => text.includes("keys cannot be fetched")));
    assert.ok(!lines().some((text) => text.includes("--auth")), lines().join("\n"));
    assert.equal((await fetch(url + MIRROR)).status, 404);
  });

  for (const [auth, word] of [
    [{ issuer: "https://idp.example" }, /auth\.publicUrl, .* auth\.audience/],
    [{ issuer: "https://idp.example", preset: "entra" }, /auth\.preset .* auth\.audience/],
    [{ issuer: "http://idp.example", publicUrl: "https://h" }, /auth\.issuer .* HTTPS/],
    [{ mirror: true, tokens: "nowhere.json" }, /auth\.mirror needs auth\.issuer/],
    [{ tokens: "nowhere.json" }, /nowhere\.json/],
  ]) {
    test(`${JSON.stringify(auth)} is refused at the start`, async (t) => {
      await assert.rejects(serve(t, { auth, host: "::" }), word);
    });
  }
});
