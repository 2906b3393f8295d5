// Where the key for tokens is kept: in a GNOME keyring, on a bus of the test's own, or in a file.

import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { repositoryRoot } from "../support/proxy.mjs";
import { Stdio } from "../support/stdio.mjs";
import { Guarded } from "./guarded.mjs";

const binary = process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy");
const is = (program) => spawnSync(program, ["--version"]).error === undefined;
const lacks = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"].find((program) => !is(program));
// On other systems it would be the keyring of the user who runs the tests.
const skip = process.platform === "linux" ? lacks && `there is no ${lacks} here` : "for Linux only";

const withKeyring = (name, run) => test(name, { skip }, run);
const withoutKeyring = (name, run) => test(name, { skip: process.platform !== "linux" && "for Linux only" }, run);

/** A bus, and what is needed for a keyring on it. */
class Desktop {
  #bus;

  static async open(directory) {
    const desktop = new Desktop();
    const runtime = join(directory, "run");
    await mkdir(runtime, { mode: 0o700, recursive: true });
    const own = { HOME: directory, XDG_DATA_HOME: join(directory, "data"), XDG_RUNTIME_DIR: runtime };
    const words = ["--session", "--nofork", "--nopidfile", "--print-address"];
    desktop.#bus = spawn("dbus-daemon", words, {
      env: { ...process.env, ...own },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [address] = await once(desktop.#bus.stdout, "data");
    desktop.environment = { ...own, DBUS_SESSION_BUS_ADDRESS: `${address}`.trim() };
    return desktop;
  }

  /** Creates a keyring, or unlocks the existing one. */
  async unlock() {
    const env = { ...process.env, ...this.environment };
    const words = ["--unlock", "--components=secrets"];
    const unlocking = spawn("gnome-keyring-daemon", words, { env, stdio: ["pipe", "ignore", "ignore"] });
    unlocking.stdin.end("password");
    assert.deepEqual(await once(unlocking, "exit"), [0, null]);
  }

  /** Whether the keyring contains anything of ours. */
  async holds(file) {
    const words = [
      "--session",
      "--print-reply",
      "--dest=org.freedesktop.secrets",
      "/org/freedesktop/secrets",
      "org.freedesktop.Secret.Service.SearchItems",
      `dict:string:string:application,mcp-proxy,key-of,${file}`,
    ];
    const env = { ...process.env, ...this.environment };
    const told = await new Promise((resolve, reject) => {
      execFile("dbus-send", words, { env }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
    return /object path/.test(told);
  }

  async close() {
    this.#bus.kill();
    await once(this.#bus, "exit");
  }
}

let directory, server;
const peers = [];
const desktops = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mcp-proxy-keyring-"));
  server = new Guarded();
  await server.open();
});

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.kill();
  for (const desktop of desktops.splice(0)) await desktop.close();
  server.close();
  await rm(directory, { force: true, recursive: true });
});

const desktop = async () => {
  const opened = await Desktop.open(directory);
  desktops.push(opened);
  return opened;
};

const tokens = () => join(directory, "tokens");

/** A proxy in front of the server; a user signs in whenever asked. */
const start = (environment, store = "auto", url = server.url) => {
  const complain = (line) => {
    if (line.trim().startsWith("http")) fetch(line.trim()).catch(() => {});
  };
  const words = ["--headless", "--tokenDir", tokens(), "--tokenStore", store, "--logLevel", "info"];
  const peer = new Stdio([binary, url, ...words], { complain, environment });
  peers.push(peer);
  return peer;
};

/** What is stored: names of files, and where the key for the token is. */
const kept = async () => {
  const names = (await readdir(tokens())).filter((name) => !name.endsWith(".lock"));
  const token = names.find((name) => name.endsWith(".sealed"));
  const [home] = token ? await readFile(join(tokens(), token)) : [];
  return { hasKey: names.includes("token.key"), home };
};
const IN_FILE = { hasKey: true, home: 1 };
const IN_KEYRING = { hasKey: false, home: 2 };

const signsIn = async (peer) => assert.match(await peer.greet(), /serverInfo/);

withKeyring("the key is in the keyring, and no file opens what is kept", async () => {
  const { environment, ...rest } = await unlocked();
  await signsIn(start(environment));
  assert.deepEqual(await kept(), IN_KEYRING);
  assert.ok(await rest.desktop.holds(join(tokens(), "token.key")));
  await signsIn(start(environment, "keyring"));
  assert.equal(server.counts.authorize, 1, "the next process has it from there");

  const other = start(environment, "file");
  await signsIn(other);
  assert.equal(server.counts.authorize, 2);
  assert.match(other.stderr.entries.join("\n"), /its key is in the keyring, which --tokenStore file does not use/);
});

withKeyring("what was kept with a key in a file is found, and moves when it is renewed", async () => {
  const { environment } = await unlocked();
  await signsIn(start(environment, "file"));
  assert.deepEqual(await kept(), IN_FILE);
  const peer = start(environment);
  await signsIn(peer);
  assert.deepEqual(await kept(), IN_FILE);
  server.revoke();
  assert.match(await peer.request("tools/list"), /"result"/);
  assert.deepEqual(await kept(), { hasKey: true, home: 2 });
  assert.deepEqual(server.counts, { authorize: 1, refresh: 1, register: 1 });
});

withKeyring("processes that start together make one key, and renew a token once", async () => {
  const { environment } = await unlocked();
  const starting = [start(environment), start(environment), start(environment)];
  await Promise.all(starting.map(signsIn));
  assert.equal(server.counts.authorize, 1);
  server.revoke();
  await Promise.all(starting.map((peer) => peer.request("tools/list")));
  await signsIn(start(environment));
  assert.deepEqual(server.counts, { authorize: 1, refresh: 1, register: 1 });
});

withKeyring("a keyring that nobody unlocks is done without", async () => {
  const first = await unlocked();
  await signsIn(start(first.environment));
  await desktops.pop().close();
  const { environment } = await desktop();
  const peer = start(environment);
  await signsIn(peer);
  assert.equal(server.counts.authorize, 2);
  assert.deepEqual(await kept(), IN_FILE);
  assert.match(peer.stderr.entries.join("\n"), /the keyring cannot be used: it is locked/);
});

async function unlocked() {
  const opened = await desktop();
  await opened.unlock();
  return { desktop: opened, environment: opened.environment };
}

const nowhere = () => ({ DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(directory, "none")}` });

withoutKeyring("without a keyring, a file has the key", async () => {
  await signsIn(start(nowhere()));
  assert.deepEqual(await kept(), IN_FILE);
  await signsIn(start(nowhere()));
  assert.equal(server.counts.authorize, 1);
});

withoutKeyring("nothing is kept where only the keyring may have the key", async () => {
  const peer = start(nowhere(), "keyring");
  assert.match(await peer.greet(), /serverInfo/);
  assert.match(peer.stderr.entries.join("\n"), /the tokens cannot be stored.*the keyring cannot be used: /);
  assert.deepEqual(await kept(), { hasKey: false, home: undefined });
});

withoutKeyring("a bus that says nothing is not waited for", async () => {
  const bus = createServer(() => {});
  const path = join(directory, "silent");
  bus.listen(path);
  await once(bus, "listening");
  const peer = start({ DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` });
  await signsIn(peer);
  assert.deepEqual(await kept(), IN_FILE);
  assert.match(peer.stderr.entries.join("\n"), /the keyring cannot be used: it does not answer/);
  bus.close();
});
