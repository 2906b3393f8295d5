// What happens to a token that cannot be renewed: any refusal counts, whatever its words, and anything else signs
// nobody out.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Stage } from "./signed.mjs";

let stage;
beforeEach(async () => (stage = await Stage.set()));
afterEach(() => stage.clear());

const json = (status, body) => ({ body, status });
const plain = (status, body, type = "text/plain") => ({ body, headers: { "content-type": type }, status });

const REFUSALS = [
  json(400, { error: "invalid_grant" }),
  json(401, { error: "invalid_grant" }),
  json(401, { error: "invalid_client" }),
  json(403, { error: "unauthorized_client", error_description: "refresh_token is invalid" }),
  json(400, { error: "invalid_request", error_description: "unknown token" }),
  json(401, { error: "invalid_token" }),
  json(400, { error: "unsupported_grant_type" }),
  json(404, { error: "not found" }),
  json(410, {}),
  json(400, { error: { code: 12 }, message: "no" }),
  json(200, { error: "bad_refresh_token" }),
  plain(400, "Bad refresh token"),
  plain(403, "<html>forbidden</html>", "text/html"),
  plain(401, ""),
];

describe("a renewal that is refused", () => {
  for (const refusal of REFUSALS) {
    test(`${refusal.status} ${JSON.stringify(refusal.body)}`, async () => {
      const isRenewal = (form) => form.get("grant_type") === "refresh_token";
      const server = await stage.server({ token: (form) => (isRenewal(form) ? refusal : undefined) });
      const peer = stage.proxy(server);
      assert.match(await peer.greet(), /serverInfo/);
      server.revoke();
      assert.match(await peer.call("x"), /"result"/);
      assert.match(await peer.call("y"), /"result"/);
      assert.equal(await peer.close(), 0);
      assert.match(await stage.proxy(server).greet(), /serverInfo/);
      assert.equal(server.counts.authorize, 2, "somebody has signed in once more, and not again");
    });
  }
});

describe("a renewal that fails without a decision", () => {
  for (const passing of [
    json(503, { error: "temporarily_unavailable" }),
    json(500, { error: "invalid_grant" }),
    json(429, { error: "slow_down" }),
    plain(502, "<html>bad gateway</html>", "text/html"),
    plain(200, "<html>sign in to the network</html>", "text/html"),
  ]) {
    test(`${passing.status} ${JSON.stringify(passing.body)}`, async () => {
      let passes = true;
      const isRenewal = (form) => form.get("grant_type") === "refresh_token";
      const server = await stage.server({ token: (form) => (isRenewal(form) && passes ? passing : undefined) });
      const peer = stage.proxy(server);
      await peer.greet();
      server.revoke();
      assert.match(await peer.call("x"), /the token was not renewed: the authorization server answered/);
      passes = false;
      assert.match(await peer.call("y"), /"result"/);
      assert.equal(server.counts.authorize, 1);
    });
  }
});

test("a resource that is refused when renewing is left out", async () => {
  const server = await stage.server({
    token: (form) => {
      const refuses = form.get("grant_type") === "refresh_token" && form.has("resource");
      return refuses ? json(400, { error: "invalid_request", error_description: "unknown parameter" }) : undefined;
    },
  });
  const peer = stage.proxy(server);
  await peer.greet();
  for (const name of ["x", "y"]) {
    server.revoke();
    assert.match(await peer.call(name), /"result"/);
  }
  assert.deepEqual([server.counts.authorize, server.counts.refresh], [1, 3]);
});

describe("what renews a token", () => {
  const renewals = (server) => server.parameters("/token").filter((form) => form.get("grant_type") === "refresh_token");

  test("is used once where each renewal brings another, also by the next process", async () => {
    const used = new Set();
    const token = (form) => {
      const renews = form.get("refresh_token");
      if (renews && used.has(renews)) return json(400, { error: "invalid_grant", error_description: "used before" });
      used.add(renews);
    };
    const server = await stage.server({ token });
    const peer = stage.proxy(server);
    await peer.greet();
    for (const name of ["x", "y", "z"]) {
      server.revoke();
      assert.match(await peer.call(name), /"result"/);
    }
    assert.equal(await peer.close(), 0);
    server.revoke();
    assert.match(await stage.proxy(server).greet(), /serverInfo/);
    assert.deepEqual([server.counts.authorize, server.counts.refresh], [1, 4]);
    assert.equal(new Set(renewals(server).map((form) => form.get("refresh_token"))).size, 4);
  });

  test("is kept where a renewal brings no other", async () => {
    const grant = (granted, form) => {
      if (form.get("grant_type") !== "refresh_token") return undefined;
      return { body: { ...granted, refresh_token: undefined } };
    };
    const server = await stage.server({ grant });
    const peer = stage.proxy(server);
    await peer.greet();
    for (const name of ["x", "y"]) {
      server.revoke();
      assert.match(await peer.call(name), /"result"/);
    }
    assert.deepEqual([server.counts.authorize, server.counts.refresh], [1, 2]);
    assert.equal(new Set(renewals(server).map((form) => form.get("refresh_token"))).size, 1);
  });
});

test("a sign-in is forgotten on demand, for one server or for all", async () => {
  const [one, other] = [await stage.server(), await stage.server()];
  for (const server of [one, other]) assert.match(await stage.proxy(server).greet(), /serverInfo/);
  assert.equal(await stage.run(["--signOut", one.url]), "signed out\n");
  assert.equal(await stage.run(["--signOut", one.url]), "this server has no sign-in to forget\n");
  assert.match(await stage.proxy(one).greet(), /serverInfo/);
  assert.match(await stage.proxy(other).greet(), /serverInfo/);
  assert.deepEqual([one.counts.authorize, other.counts.authorize], [2, 1]);
  assert.equal(await stage.run(["--signOut"]), "signed out of 2 servers\n");
  for (const server of [one, other]) assert.match(await stage.proxy(server).greet(), /serverInfo/);
  assert.deepEqual([one.counts.authorize, other.counts.authorize], [3, 2]);
});
