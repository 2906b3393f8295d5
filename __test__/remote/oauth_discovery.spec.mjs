// The authorization server is found in spite of servers' mistakes, and gets the configured requests.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Stage } from "./signed.mjs";

const PLACE = "/.well-known/oauth-protected-resource/mcp";
const METADATA = "/.well-known/oauth-authorization-server";

let stage;
beforeEach(async () => (stage = await Stage.set()));
afterEach(() => stage.clear());

/** Signs in with these habits and flags; returns the server afterwards. */
const signsIn = async (habits, flags = []) => {
  const server = await stage.server(habits);
  const peer = stage.proxy(server, flags);
  assert.match(await peer.greet(), /serverInfo/);
  assert.match(await peer.call("x"), /"result"/);
  return server;
};

describe("signs in to a server whose", () => {
  const moved =
    (status) =>
    ({ path }) =>
      path === METADATA ? { headers: { location: `${METADATA}/moved` }, status } : undefined;
  const HABITS = {
    "authorization servers are an empty list": { description: () => ({ authorization_servers: [] }) },
    "authorization servers are not listed": { description: () => ({ authorization_servers: undefined }) },
    "challenge comes after another scheme": {
      challenge: ({ origin }) => `Basic realm="x, y", Bearer realm="z", resource_metadata="${origin}${PLACE}"`,
    },
    "description is named without an origin": { challenge: () => `Bearer resource_metadata="${PLACE}"` },
    "description is not where it says": { challenge: () => 'Bearer resource_metadata="http://127.0.0.1:1/"' },
    "metadata are named at an address without TLS": {
      challenge: () => 'Bearer resource_metadata="http://other.invalid/"',
    },
    "metadata are named by something that is not a URL": { challenge: () => 'Bearer resource_metadata="http://["' },
    "metadata are named where there are none": { challenge: () => 'Bearer resource_metadata="/nowhere"' },
    "lists are null": {
      metadata: () => ({ scopes_supported: null, token_endpoint_auth_methods_supported: null }),
    },
    "tokens come as a form": {
      grant: (token) => ({
        body: String(new URLSearchParams(token)),
        headers: { "content-type": "application/x-www-form-urlencoded" },
      }),
    },
    "tokens come as text": {
      grant: (token) => ({ body: JSON.stringify(token), headers: { "content-type": "text/html" } }),
    },
    "tokens have lifetimes in words": {
      grant: (token) => ({ body: { ...token, expires_in: "3600", token_type: null } }),
    },
  };
  for (const [name, habits] of Object.entries(HABITS)) {
    test(name, () => signsIn(habits));
  }

  for (const status of [301, 302, 303, 307, 308]) {
    test(`metadata are behind a ${status} of their own origin`, async () => {
      const documents = {};
      const first = (request) => {
        if (request.path === `${METADATA}/moved`) return { body: documents.metadata };
        return moved(status)(request);
      };
      const server = await stage.server({ first });
      documents.metadata = {
        authorization_endpoint: `${server.origin}/authorize`,
        code_challenge_methods_supported: ["S256"],
        issuer: server.origin,
        registration_endpoint: `${server.origin}/register`,
        token_endpoint: `${server.origin}/token`,
      };
      assert.match(await stage.proxy(server).greet(), /serverInfo/);
    });
  }
});

test("a redirect of metadata to another origin is not followed", async () => {
  const other = await stage.server();
  const first = ({ path }) =>
    path.startsWith("/.well-known/o") ? { headers: { location: other.origin + path }, status: 302 } : undefined;
  const peer = stage.proxy(await stage.server({ first }));
  await peer.greet();
  assert.equal(other.requests.length, 0);
});

test("the query of a server's address is kept in the address of its metadata", async () => {
  const server = await stage.server({ challenge: () => null });
  const peer = stage.proxy({ url: `${server.url}?tenant=7` });
  assert.match(await peer.greet(), /serverInfo/);
  assert.equal(server.requests.find(({ path }) => path === PLACE).query, "?tenant=7");
});

describe("the resource", () => {
  const asked = (server) => [
    ...server.parameters("/authorize").map((parameters) => parameters.get("resource")),
    ...server.parameters("/token").map((parameters) => parameters.get("resource")),
  ];

  test("is the one that the server's metadata name", async () => {
    const server = await signsIn({ description: ({ origin }) => ({ resource: origin }) });
    assert.deepEqual(asked(server), [server.origin, server.origin]);
  });

  test("is the server's address if it has no metadata", async () => {
    const first = ({ path }) => (path.includes("protected-resource") ? { status: 404 } : undefined);
    const server = await signsIn({ challenge: () => null, first });
    assert.deepEqual(asked(server), [server.url, server.url]);
  });

  test("is the one that --resource names", async () => {
    assert.deepEqual(asked(await signsIn({}, ["--resource", "api://mine"])), ["api://mine", "api://mine"]);
  });

  test("is left out with --resource none, which a refusal suggests", async () => {
    const authorize = (parameters) => (parameters.has("resource") ? { error: "invalid_target" } : undefined);
    const peer = stage.proxy(await stage.server({ authorize }));
    assert.match(await peer.greet(), /invalid_target; --resource none names no resource/);
    assert.deepEqual(asked(await signsIn({ authorize }, ["--resource", "none"])), [null, null]);
  });
});

test("further parameters go to the authorization endpoint", async () => {
  const server = await signsIn({}, ["--authorizeParam", "audience=a b", "--authorizeParam", "prompt=login"]);
  const [parameters] = server.parameters("/authorize");
  assert.deepEqual([parameters.get("audience"), parameters.get("prompt")], ["a b", "login"]);
});

test("a server that does not announce PKCE is used only with a flag", async () => {
  const habits = { metadata: () => ({ code_challenge_methods_supported: undefined }) };
  const peer = stage.proxy(await stage.server(habits));
  assert.match(await peer.greet(), /does not say that it supports PKCE.*--assumePkce/);
  const server = await signsIn(habits, ["--assumePkce"]);
  assert.equal(server.parameters("/authorize")[0].get("code_challenge_method"), "S256");
});

test("an ID token is used in place of an access token if configured", async () => {
  const grant = (token) => ({ body: { ...token, access_token: "useless", id_token: token.access_token } });
  await signsIn({ grant }, ["--useIdToken"]);
  const peer = stage.proxy(await stage.server(), ["--useIdToken"]);
  assert.match(await peer.greet(), /gave no ID token \(--useIdToken\)/);
});

test("a client secret goes into the header if no method is announced", async () => {
  const register = () => ({ body: { client_id: "me", client_secret: "s" }, status: 201 });
  const server = await signsIn({ register });
  const exchange = server.requests.find(({ path }) => path === "/token");
  assert.equal(exchange.headers.authorization, `Basic ${btoa("me:s")}`);
});

describe("an authorization server that is not the one that was asked", () => {
  const EVIL = "https://evil.example";

  test("is not signed in at if its metadata are those of another", async () => {
    const server = await stage.server({ metadata: () => ({ issuer: EVIL }) });
    assert.match(await stage.proxy(server).greet(), /the metadata of http\S+ are those of https:\/\/evil\.example/);
    assert.deepEqual(server.counts, { authorize: 0, refresh: 0, register: 0 });
  });

  const supported = { authorization_response_iss_parameter_supported: true };
  for (const [what, habits, complaint] of [
    [
      "another one",
      { authorize: () => ({ code: "c", iss: EVIL }) },
      /from another authorization server, https:\/\/evil/,
    ],
    [
      "nobody, where it says that it does",
      { authorize: () => ({ code: "c" }), metadata: () => supported },
      /does not say which authorization server it is from/,
    ],
  ]) {
    test(`gets no code if the answer names ${what}`, async () => {
      const server = await stage.server(habits);
      assert.match(await stage.proxy(server).greet(), complaint);
      assert.equal(server.parameters("/token").length, 0);
    });
  }

  test("is the one that was asked if the answer names it", async () => {
    const authorize = (parameters) => ({ code: server.code(parameters), iss: server.origin });
    const server = await stage.server({ authorize, metadata: () => supported });
    assert.match(await stage.proxy(server).greet(), /serverInfo/);
  });
});

describe("a client's secret", () => {
  const CLIENT = ["--grant", "client-credentials", "--clientId", "me", "--clientSecret", "s"];
  const description = (other) => () => ({ authorization_servers: [other.origin] });
  const noChallenge = (own) => ({ ...own, token: undefined });

  test("goes only to the authorization server that was named first", async () => {
    const [first, second] = [await stage.server(), await stage.server()];
    let named = first;
    const server = await stage.server(noChallenge({ description: (self) => description(named)(self) }));
    // Tokens of another server are not accepted here; the test only checks that it was asked.
    await stage.proxy(server, CLIENT).greet();
    assert.ok(first.requests.some(({ path }) => path === "/token"));
    named = second;
    const refused = stage.proxy(server, CLIENT);
    assert.match(await refused.greet(), /names http\S+ to sign in at; before, it named http\S+.*--issuer/);
    assert.ok(!second.requests.some(({ path }) => path === "/token"));
    await stage.proxy(server, [...CLIENT, "--issuer", second.origin]).greet();
    assert.ok(second.requests.some(({ path }) => path === "/token"));
  });

  test("does not go to a server that --issuer does not name", async () => {
    const other = await stage.server();
    const server = await stage.server({ description: description(other) });
    const peer = stage.proxy(server, [...CLIENT, "--issuer", "https://login.example"]);
    assert.match(await peer.greet(), /but --issuer is https:\/\/login\.example/);
    assert.equal(other.requests.length, 0);
  });
});
