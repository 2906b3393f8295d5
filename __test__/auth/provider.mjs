// A real OAuth authorization server (npm oidc-provider) on this machine, and a user with a browser who signs in and
// agrees to everything.
//
// `quirks` make it deviate from the standards as known identity providers do.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import Provider from "oidc-provider";

export const REDIRECT = "http://127.0.0.1:1/callback";

/** Everything that the tests ask for. */
const SCOPES = ["openid", "offline_access", "files", "files:write"];

/**
 * Starts one; `close()` ends it. `quirks`:
 * *   audience   the audience of access tokens, whatever resource was requested
 *   claims     claims added to access tokens
 *   lifetime   seconds that access tokens last
 *   slash      the issuer ends with a slash
 *   opaque     access tokens are opaque
 */
export async function startProvider(quirks = {}) {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}${quirks.slash ? "/" : ""}`;
  const provider = new Provider(issuer, configuration(quirks));
  const handle = provider.callback();
  const asked = [];
  server.on("request", (request, response) => {
    asked.push(request.url);
    const [, uid] = /^\/interaction\/([^/?]+)/.exec(request.url) ?? [];
    if (uid === undefined) handle(request, response);
    else agree(provider, request, response);
  });
  return {
    asked,
    issuer,
    provider,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function configuration({ audience, claims, lifetime = 300, opaque = false }) {
  return {
    clientBasedCORS: () => true,
    clientDefaults: { grant_types: ["authorization_code", "refresh_token"], id_token_signed_response_alg: "ES256" },
    clients: [
      {
        client_id: "machine",
        client_secret: "machine-secret",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    extraTokenClaims: () => claims,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        defaultResource: () => audience ?? [],
        enabled: true,
        getResourceServerInfo: (context, resource) => ({
          accessTokenFormat: opaque ? "opaque" : "jwt",
          accessTokenTTL: lifetime,
          audience: audience ?? resource,
          jwt: { sign: { alg: "ES256" } },
          scope: SCOPES.join(" "),
        }),
        useGrantedResource: () => true,
      },
    },
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ email: `${id}@example.com`, sub: id }) }),
    interactions: { url: (context, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: () => true,
    jwks: { keys: [KEY] },
    pkce: { required: () => true },
    scopes: SCOPES,
    ttl: { AccessToken: lifetime },
  };
}

/** Signs in as the user that the client hints at, and grants what it asks for. */
async function agree(provider, request, response) {
  const details = await provider.interactionDetails(request, response);
  const { params, prompt, session } = details;
  if (prompt.name === "login") {
    const accountId = params.login_hint ?? "alice";
    return provider.interactionFinished(request, response, { login: { accountId } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope ?? "");
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(" "));
  }
  const grantId = await grant.save();
  return provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

/** Does what a browser does with an authorization URL: follows it to the client; returns its last URL. */
export async function browse(url, who = "alice") {
  const cookies = new Map();
  let next = new URL(url);
  next.searchParams.set("login_hint", who);
  for (let hop = 0; hop < 20; hop += 1) {
    if (next.href.startsWith(REDIRECT)) return next;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(next, { headers: { cookie }, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get("location");
    assert.ok(location, `${next} answered ${response.status}: ${await response.text()}`);
    next = new URL(location, next);
  }
  throw new Error("the sign-in goes round in circles");
}

/** A token of the provider for a program with a secret. */
export async function tokenOf({ issuer }) {
  const response = await fetch(new URL("/token", issuer), {
    body: new URLSearchParams({
      grant_type: "client_credentials",
      resource: "https://mcp.example/mcp",
      scope: "files",
    }),
    headers: { authorization: `Basic ${Buffer.from("machine:machine-secret").toString("base64")}` },
    method: "POST",
  });
  const answer = await response.json();
  assert.ok(answer.access_token, JSON.stringify(answer));
  return answer.access_token;
}

/** A key for tests only. */
const KEY = {
  alg: "ES256",
  crv: "P-256",
  d: "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
  kid: "test",
  kty: "EC",
  use: "sig",
  x: "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
  y: "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
};
