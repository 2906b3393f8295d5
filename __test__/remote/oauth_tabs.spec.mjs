// When the user is asked to sign in: once, for a call of theirs, and never by the proxy itself.

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { once } from "node:events";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Stage } from "./signed.mjs";

let stage;
beforeEach(async () => (stage = await Stage.set()));
afterEach(() => stage.clear());

const until = async (condition, what) => {
  for (let attempt = 0; attempt < 2_000; attempt += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`waited for ${what}`);
};

describe("scopes", () => {
  const insufficient = (need) => ({
    body: { error: "x" },
    headers: { "www-authenticate": `Bearer error="insufficient_scope", scope="${need}"` },
    status: 403,
  });
  const serve = (message, scopes) => {
    const need = message.params?.name;
    return message.method === "tools/call" && !scopes.includes(need) ? insufficient(need) : undefined;
  };
  const challenge = () => 'Bearer scope="read"';

  test("that were granted are asked for again together with a further one", async () => {
    const server = await stage.server({ challenge, serve });
    const peer = stage.proxy(server);
    await peer.greet();
    for (const name of ["read", "write", "read", "write", "read"]) {
      assert.match(await peer.call(name), /"result"/);
    }
    const asked = server.parameters("/authorize").map((parameters) => parameters.get("scope"));
    assert.deepEqual(asked, ["read", "read write"]);
  });

  test("that are never granted fail a call after one attempt", async () => {
    const server = await stage.server({
      challenge,
      serve: (message) => (message.method === "tools/call" ? insufficient("admin") : undefined),
    });
    const peer = stage.proxy(server);
    await peer.greet();
    assert.match(await peer.call("x"), /403/);
    assert.equal(server.counts.authorize, 2);
  });

  test("that were configured are not exceeded", async () => {
    const server = await stage.server({ challenge, serve });
    const peer = stage.proxy(server, ["--scope", "read"]);
    await peer.greet();
    assert.match(await peer.call("write"), /the server wants scope .*write.*, and --scope is/);
    assert.equal(server.counts.authorize, 1);
  });
});

describe("without a call", () => {
  for (const [what, lose] of Object.entries({
    "the token is over": (server) => server.interrupt(),
    "token and session are over": (server) => server.forget(),
  })) {
    test(`nobody is asked to sign in if ${what}; the next call asks`, async () => {
      const server = await stage.server({ streams: true });
      const peer = stage.proxy(server);
      await peer.greet();
      await until(() => server.streams.size === 1, "the standing stream");
      server.revoke({ all: true });
      const before = server.requests.length;
      lose(server);
      // Its reader reconnects, is refused, and cannot renew its token.
      await until(() => server.requests.slice(before).some(({ body }) => body.includes("refresh_token")), "a renewal");
      await until(
        () => server.requests.slice(before).filter(({ path }) => path === "/token").length > 0,
        "its refusal",
      );
      assert.equal(server.counts.authorize, 1);
      assert.match(await peer.call("x"), /"result"/);
      assert.equal(server.counts.authorize, 2);
      await until(() => server.streams.size === 1, "the standing stream to come back");
    });
  }

  test("a renewable token is renewed for the standing stream", async () => {
    const server = await stage.server({ streams: true });
    const peer = stage.proxy(server);
    await peer.greet();
    await until(() => server.streams.size === 1, "the standing stream");
    server.revoke();
    server.interrupt();
    await until(() => server.streams.size === 1, "the standing stream to come back");
    assert.deepEqual([server.counts.authorize, server.counts.refresh], [1, 1]);
  });
});

describe("one tab", () => {
  test("is opened for a sign-in that is denied, whatever else is tried", async () => {
    const server = await stage.server({ challenge: () => null });
    server.denies = true;
    const peer = stage.proxy(server);
    assert.match(await peer.greet(), /access_denied/);
    assert.equal(server.counts.authorize, 1);
  });

  test("is opened for many calls, which share its denial", async () => {
    const server = await stage.server();
    const peer = stage.proxy(server);
    await peer.greet();
    server.revoke({ all: true });
    server.denies = true;
    const answers = await Promise.all(["a", "b", "c", "d"].map((name) => peer.call(name)));
    for (const answer of answers) assert.match(answer, /access_denied/);
    assert.ok(server.counts.authorize <= 3, `${server.counts.authorize} tabs`);
  });
});

test("a ping is answered while somebody signs in", async () => {
  const server = await stage.server();
  const tabs = [];
  const peer = stage.proxy(server, [], { complain: (line) => line.includes("/authorize") && tabs.push(line.trim()) });
  const greeting = peer.greet();
  await until(() => tabs.length === 1, "the address");
  assert.match(await peer.request("ping"), /"result":\{\}/);
  await fetch(tabs[0]);
  assert.match(await greeting, /serverInfo/);
});

describe("the redirect address", () => {
  const redirect = (server) => server.parameters("/authorize")[0].get("redirect_uri");

  test("is the configured one", async () => {
    const register = ({ redirect_uris: [uri] }) =>
      uri.startsWith("http://localhost:") && uri.endsWith("/oauth/back")
        ? undefined
        : { body: { error: "invalid_redirect_uri" }, status: 400 };
    const server = await stage.server({ register });
    assert.match(await stage.proxy(server).greet(), /--callbackHost, --callbackPort and --callbackPath/);
    const flags = ["--callbackHost", "localhost", "--callbackPath", "/oauth/back"];
    assert.match(await stage.proxy(server, flags).greet(), /serverInfo/);
    assert.match(redirect(server), /^http:\/\/localhost:\d+\/oauth\/back$/);
  });

  test("is localhost if a server accepts nothing else", async () => {
    const register = ({ redirect_uris: [uri] }) =>
      uri.startsWith("http://localhost:") ? undefined : { body: { error: "invalid_redirect_uri" }, status: 400 };
    const server = await stage.server({ register });
    assert.match(await stage.proxy(server).greet(), /serverInfo/);
    assert.match(redirect(server), /^http:\/\/localhost:\d+\/callback$/);
  });

  test("is waited for while its port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const server = await stage.server();
    const peer = stage.proxy(server, ["--callbackPort", String(other.address().port)]);
    const greeting = peer.greet();
    await peer.stderr.first((line) => line.includes("is in use; waiting for it"), "the wait");
    const port = other.address().port;
    other.close();
    assert.match(await greeting, /serverInfo/);
    assert.equal(redirect(server), `http://127.0.0.1:${port}/callback`);
  });

  test("works in a tab of a process that has ended", async () => {
    const server = await stage.server();
    const tabs = [];
    const complain = (line) => line.includes("/authorize") && tabs.push(line.trim());
    const gone = stage.proxy(server, [], { complain });
    void gone.greet().catch(() => {});
    await until(() => tabs.length === 1, "the first address");
    gone.kill();
    const heir = stage.proxy(server, [], { complain });
    const greeting = heir.greet();
    await until(() => tabs.length === 2, "the second address");
    assert.equal(tabs[0], tabs[1]);
    await fetch(tabs[0]);
    assert.match(await greeting, /serverInfo/);
    assert.equal(server.counts.register, 1);
    assert.ok(!(await readdir(stage.directory)).some((name) => name.endsWith(".pending")));
  });
});

test("where nothing can be stored, that is logged and signing in works anyway", async () => {
  const server = await stage.server();
  await writeFile(join(stage.directory, "file"), "");
  const peer = stage.proxy(server, ["--tokenDir", join(stage.directory, "file", "below")]);
  assert.match(await peer.greet(), /serverInfo/);
  server.revoke();
  assert.match(await peer.call("x"), /"result"/);
  assert.deepEqual([server.counts.authorize, server.counts.refresh], [1, 1]);
  const warnings = peer.stderr.entries.filter((line) => line.includes("cannot be stored"));
  assert.equal(warnings.length, 1, peer.stderr.entries.join("\n"));
});

test("names of files do not reveal the server, and files of another server are not used", async () => {
  const server = await stage.server();
  const url = server.url.replace("//", "//somebody:password@");
  assert.match(await stage.proxy({ url: `${url}?key=secret` }).greet(), /serverInfo/);
  const names = await readdir(stage.directory);
  assert.ok(
    names.some((name) => /^[0-9a-f]{64}\.sealed$/.test(name)),
    names.join(),
  );
  assert.ok(!/password|secret|127/.test(names.join()), names.join());
});

test("somebody signs in with a code on another device", async () => {
  let asked = 0;
  const token = (form) => {
    if (!form.get("grant_type").endsWith("device_code")) return undefined;
    assert.equal(form.get("device_code"), "d");
    asked += 1;
    return asked < 3 ? { body: { error: "authorization_pending" }, status: 400 } : undefined;
  };
  const first = ({ path }) =>
    path === "/device"
      ? {
          body: {
            device_code: "d",
            interval: 0,
            user_code: "WDJB-MJHT",
            verification_uri: "https://as.example/device",
          },
        }
      : undefined;
  const server = await stage.server({
    first,
    metadata: ({ origin }) => ({ device_authorization_endpoint: `${origin}/device` }),
    token,
  });
  const peer = stage.proxy(server, ["--grant", "device-code"]);
  assert.match(await peer.greet(), /serverInfo/);
  assert.equal(asked, 3);
  const said = peer.stderr.entries.join("\n");
  assert.match(said, /https:\/\/as\.example\/device/);
  assert.match(said, /WDJB-MJHT/);
});

test("somebody signs in in advance, and pastes the address that a browser elsewhere ended at", async () => {
  const server = await stage.server();
  const ended = async (line, input) => {
    const answer = await fetch(line.trim(), { redirect: "manual" });
    input.write(`not it\n${answer.headers.get("location")}\n`);
  };
  const printed = await stage.converse(["--signIn", server.url], (line, input) => {
    if (line.includes("/authorize")) void ended(line, input);
  });
  assert.equal(printed, "signed in\n");
  assert.match(await stage.proxy(server).greet(), /serverInfo/);
  assert.equal(server.counts.authorize, 1);
});

describe("an examination", () => {
  const examine = async (server) => {
    const stdout = await stage.run(["--doctor", "--json", server.url]).catch((error) => error.stdout);
    const [{ stages }] = JSON.parse(stdout).servers;
    const endpoint = stages.find(({ stage: name }) => name === "endpoint");
    return { codes: endpoint.findings.map(({ code }) => code), done: stages.map(({ stage: name }) => name) };
  };

  test("uses the sign-in that is kept, and asks nobody for one", async () => {
    const server = await stage.server({});
    const without = await examine(server);
    assert.ok(without.codes.includes("MCPX0814"), JSON.stringify(without));
    assert.equal(server.counts.authorize ?? 0, 0);
    const peer = stage.proxy(server);
    await peer.greet();
    const asked = server.counts.authorize;
    const within = await examine(server);
    assert.deepEqual([within.codes, server.counts.authorize], [[], asked], JSON.stringify(within));
    assert.ok(within.done.includes("sign-in") && within.done.includes("lists"), within.done);
  });
});

describe("a recording of a sign-in", () => {
  test("contains its steps, but no token", async () => {
    const server = await stage.server({});
    const file = join(stage.directory, "traffic.jsonl");
    const peer = stage.proxy(server, ["--record", file]);
    await peer.greet();
    await until(async () => (await readFile(file, "utf8")).includes('"granted"'), "the steps");
    const lines = (await readFile(file, "utf8")).trim().split("\n").map(JSON.parse);
    const steps = lines.filter(({ event }) => event?.what === "sign-in").map(({ event }) => event.step);
    assert.deepEqual(steps, ["required", "waiting", "granted"]);
  });
});
