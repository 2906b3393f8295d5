// `auth`: access tokens of an issuer in front of servers in JavaScript.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CALL, INITIALIZE, openSession, post, serve } from "./support.mjs";

const ISSUER = "https://idp.example";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function token(claims) {
  const about = { aud: "https://mcp.example/mcp", exp: Math.floor(Date.now() / 1000) + 300, iss: ISSUER, sub: "alice" };
  const text = `${part({ alg: "ES256" })}.${part({ ...about, ...claims })}`;
  const signature = sign("sha256", Buffer.from(text), { dsaEncoding: "ieee-p1363", key: privateKey });
  return { authorization: `Bearer ${text}.${signature.toString("base64url")}` };
}

describe("auth", () => {
  let folder;
  let auth;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "mcp-proxy-auth-"));
    const jwks = join(folder, "keys.json");
    await writeFile(jwks, JSON.stringify({ keys: [publicKey.export({ format: "jwk" })] }));
    auth = { issuer: ISSUER, jwks, publicUrl: "https://mcp.example" };
  });
  after(() => rm(folder, { force: true, recursive: true }));

  test("admits callers with tokens, and tells all others where to get one", async (t) => {
    const { url } = await serve(t, { apiKey: "key", auth: { ...auth, scopes: ["files"] } });
    const { headers, status } = await post(url, INITIALIZE);
    assert.equal(status, 401);
    const place = "https://mcp.example/.well-known/oauth-protected-resource/mcp";
    assert.equal(headers.get("www-authenticate"), `Bearer scope="files", resource_metadata="${place}"`);
    const document = await (await fetch(`${url}/.well-known/oauth-protected-resource/mcp`)).json();
    assert.deepEqual(document.authorization_servers, [ISSUER]);
    for (const allowed of [token({ scope: "files" }), { "x-api-key": "key" }]) {
      const session = await openSession(url, allowed);
      const { messages } = await post(url, CALL, { headers: session });
      assert.ok(messages[0].result, JSON.stringify(messages));
    }
    assert.equal((await post(url, INITIALIZE, { headers: token({ scope: "mail" }) })).status, 403);
  });

  test("asks for further scopes if a tool needs them", async (t) => {
    const { url } = await serve(t, { auth: { ...auth, tools: { "w*": ["write"] } } });
    const session = await openSession(url, token());
    const { headers, messages, status } = await post(url, CALL, { headers: session });
    assert.equal(status, 403, JSON.stringify(messages));
    assert.match(headers.get("www-authenticate"), /error="insufficient_scope".*scope="write"/);
    const { status: afterwards } = await post(url, CALL, { headers: { ...session, ...token({ scope: "write" }) } });
    assert.equal(afterwards, 200);
    const others = { ...session, ...token({ scope: "write", sub: "bob" }) };
    assert.equal((await post(url, CALL, { headers: others })).status, 404);
  });

  for (const [wrong, message] of [
    [{}, /"auth" needs "issuer" or "tokens"/],
    [{ issuer: 1 }, /"auth.issuer" must be/],
    [{ issuer: ISSUER, preset: "azure" }, /"auth.preset" must be/],
    [{ issuer: ISSUER, publicUrl: "https://h", tools: { x: "a" } }, /"auth" is wrong/],
    [{ issuer: ISSUER, publicUrl: "https://h", rate: "fast" }, /60\/min/],
    [{ issuer: "idp", publicUrl: "https://h" }, /auth\.issuer "idp" is not a URL/],
  ]) {
    test(`refuses ${JSON.stringify(wrong)}`, async (t) => {
      await assert.rejects(serve(t, { auth: wrong }), message);
    });
  }
});
