// Providers that deviate from the standards as the presets expect: tokens of a real authorization server are accepted
// with the right preset, and refused with others that must not accept them.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { servers } from "../clients/servers.mjs";
import { startProxy } from "../support/proxy.mjs";
import { startProvider, tokenOf } from "./provider.mjs";

const INITIALIZE = {
  id: 1,
  jsonrpc: "2.0",
  method: "initialize",
  params: { capabilities: {}, clientInfo: { name: "test", version: "1" }, protocolVersion: "2025-06-18" },
};

/** Quirks of a provider, the proxy's flags for it, and whether its tokens are accepted. */
const CASES = [
  ["the standards", { audience: "app" }, ["--authAudience", "app"], 200],
  ["another audience", { audience: "app" }, ["--authAudience", "other"], 401],
  [
    "Keycloak",
    { audience: "app", claims: { typ: "Bearer" } },
    ["--authPreset", "keycloak", "--authAudience", "app"],
    200,
  ],
  [
    "an ID token of Keycloak",
    { audience: "app", claims: { typ: "ID" } },
    ["--authPreset", "keycloak", "--authAudience", "app"],
    401,
  ],
  [
    "Okta",
    { audience: "api://default", claims: { scp: ["files"] } },
    ["--authPreset", "okta", "--authAudience", "api://default"],
    200,
  ],
  [
    "Entra ID",
    { audience: "0b5f0d44-1f4c-4d3a-9a2e-3c1f6f3a1b11", claims: { scp: "files" } },
    ["--authPreset", "entra", "--authAudience", "api://0b5f0d44-1f4c-4d3a-9a2e-3c1f6f3a1b11"],
    200,
  ],
  [
    "Entra ID without scp",
    { audience: "0b5f0d44-1f4c-4d3a-9a2e-3c1f6f3a1b11" },
    ["--authPreset", "entra", "--authAudience", "0b5f0d44-1f4c-4d3a-9a2e-3c1f6f3a1b11"],
    401,
  ],
  [
    "Cognito",
    { audience: "pool", claims: { token_use: "access" } },
    ["--authPreset", "cognito", "--authAudience", "machine"],
    200,
  ],
  [
    "an ID token of Cognito",
    { audience: "pool", claims: { token_use: "id" } },
    ["--authPreset", "cognito", "--authAudience", "machine"],
    401,
  ],
  [
    "Auth0",
    { audience: "https://api", claims: { permissions: ["files"] }, slash: true },
    ["--authPreset", "auth0", "--authAudience", "https://api"],
    200,
  ],
  ["Authentik", { audience: "machine", slash: true }, ["--authPreset", "authentik", "--authAudience", "machine"], 200],
  [
    "opaque tokens",
    { audience: "app", opaque: true },
    ["--authAudience", "app", "--authIntrospect", "INTROSPECTION"],
    200,
  ],
  ["opaque tokens that nobody is asked about", { audience: "app", opaque: true }, ["--authAudience", "app"], 401],
];

describe("providers", () => {
  let command;
  before(async () => {
    ({ command } = await servers.everything.open());
  });

  for (const [name, quirks, flags, expected] of CASES) {
    test(`${name}: ${expected}`, async (t) => {
      const provider = await startProvider(quirks);
      t.after(() => provider.close());
      const introspection = new URL("/token/introspection", provider.issuer);
      Object.assign(introspection, { password: "machine-secret", username: "machine" });
      const said = flags.map((word) => (word === "INTROSPECTION" ? introspection.href : word));
      const proxy = await startProxy({ command, flags: ["--host", "127.0.0.1", "--auth", provider.issuer, ...said] });
      t.after(() => proxy.stop());
      const response = await fetch(`${proxy.url}/mcp`, {
        body: JSON.stringify(INITIALIZE),
        headers: {
          accept: "application/json, text/event-stream",
          authorization: `Bearer ${await tokenOf(provider)}`,
          "content-type": "application/json",
        },
        method: "POST",
      });
      assert.equal(response.status, expected, [await response.text(), ...proxy.stderr.entries].join("\n"));
    });
  }
});
