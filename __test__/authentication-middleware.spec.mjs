import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { AuthenticationMiddleware } from "mcp-proxy";

const resource = "https://example.com/a";
const metadata = 'resource_metadata="https://example.com/.well-known/oauth-protected-resource/a"';
const request = (apiKey) => ({ headers: { "x-api-key": apiKey } });

describe("AuthenticationMiddleware", () => {
  test("lets everybody in without a key", () => {
    assert.ok(new AuthenticationMiddleware().validateRequest({ headers: {} }));
    assert.ok(new AuthenticationMiddleware({ apiKey: undefined, oauth: null }).validateRequest(request("any")));
  });

  test("reads its options by name, wherever they are", () => {
    class Config {
      get apiKey() {
        return "k";
      }
    }
    for (const config of [new Config(), Object.create({ apiKey: "k" })]) {
      const middleware = new AuthenticationMiddleware(config);
      assert.ok(middleware.validateRequest(request("k")));
      assert.ok(!middleware.validateRequest(request("other")));
    }
  });

  test("lets in exactly its key", () => {
    const middleware = new AuthenticationMiddleware({ apiKey: "schlüssel" });
    assert.ok(middleware.validateRequest(request("schlüssel")));
    for (const given of [undefined, "", "schlüsse", "schlüssel ", "Schlüssel", ["schlüssel"]]) {
      assert.ok(!middleware.validateRequest(request(given)), `${given}`);
    }
  });

  test("challenges with what it knows, in order", () => {
    const oauth = { error_uri: "https://e", protectedResource: { resource }, realm: "r", scope: "a b" };
    const { headers } = new AuthenticationMiddleware({ oauth }).getUnauthorizedResponse();
    assert.deepEqual(headers, {
      "Content-Type": "application/json",
      "WWW-Authenticate":
        `Bearer realm="r", ${metadata}, error="invalid_token", ` +
        'error_description="Unauthorized: Invalid or missing API key", error_uri="https://e", scope="a b"',
    });
  });

  test("what is asked for goes before what is configured", () => {
    const oauth = { error: "configured", error_description: "configured" };
    const { body, headers } = new AuthenticationMiddleware({ oauth }).getUnauthorizedResponse({
      error_description: 'say "please"',
    });
    assert.equal(headers["WWW-Authenticate"], 'Bearer error="configured", error_description="say \\"please\\""');
    assert.deepEqual(JSON.parse(body), { error: { code: 401, message: 'say "please"' }, id: null, jsonrpc: "2.0" });
  });

  test("announces a resource that is not a URL unchanged", () => {
    for (const [given, announced] of [
      ["https://example.com", "https://example.com/.well-known/oauth-protected-resource"],
      ["nonsense", "nonsense/.well-known/oauth-protected-resource"],
    ]) {
      const middleware = new AuthenticationMiddleware({ oauth: { protectedResource: { resource: given } } });
      const { headers } = middleware.getUnauthorizedResponse();
      assert.ok(headers["WWW-Authenticate"].startsWith(`Bearer resource_metadata="${announced}", `));
    }
  });

  test("asks for scopes with a well-formed challenge", () => {
    const middleware = new AuthenticationMiddleware({ oauth: { protectedResource: { resource } } });
    const { body, headers, statusCode } = middleware.getScopeChallengeResponse(["a", "b"], "more", 7);
    assert.equal(statusCode, 403);
    assert.equal(
      headers["WWW-Authenticate"],
      `Bearer error="insufficient_scope", scope="a b", ${metadata}, error_description="more"`,
    );
    assert.deepEqual(JSON.parse(body), {
      error: { code: -32001, data: { error: "insufficient_scope", required_scopes: ["a", "b"] }, message: "more" },
      id: 7,
      jsonrpc: "2.0",
    });
  });

  test("names no scope as an empty list of them, and leaves out an empty description", () => {
    const middleware = new AuthenticationMiddleware({ oauth: { protectedResource: { resource }, realm: "" } });
    const { headers } = middleware.getScopeChallengeResponse([], "");
    assert.equal(headers["WWW-Authenticate"], `Bearer error="insufficient_scope", scope="", ${metadata}`);
    assert.ok(middleware.getUnauthorizedResponse({ scope: "" }).headers["WWW-Authenticate"].endsWith('API key"'));
  });

  test("asks for scopes without a challenge where no resource is configured", () => {
    const { body, headers } = new AuthenticationMiddleware().getScopeChallengeResponse(["a"]);
    assert.deepEqual(headers, { "Content-Type": "application/json" });
    assert.equal(JSON.parse(body).error.message, "Insufficient scope");
    assert.equal(JSON.parse(body).id, null);
  });

  test("a TypeError says what is wrong with its configuration", () => {
    for (const [config, message] of [
      [{ apiKey: "" }, /"apiKey" must be a string that is not empty, not ""/],
      [{ apiKey: Symbol("k") }, /"apiKey" must be a string that is not empty, not a symbol/],
      [{ apiKey: 1 }, /"apiKey" must be a string that is not empty, not 1/],
      [{ oauth: "x" }, /"oauth" must be an object, not "x"/],
      [{ oauth: { realm: true } }, /"oauth.realm" must be a string, not true/],
      ["key", /must be an object of options/],
    ]) {
      assert.throws(() => new AuthenticationMiddleware(config), { message, name: "TypeError" });
    }
  });
});
