// Replicas of the real binary, their store, and Debian's nginx in front, which distributes requests in turn.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Journal } from "../support/journal.mjs";
import { eachLine } from "../support/lines.mjs";
import { freePort } from "../support/port.mjs";
import { noStore, startStore } from "../support/store.mjs";
import { Link } from "./link.mjs";

const NGINX = ["/usr/sbin/nginx", "/usr/bin/nginx"].find((path) => existsSync(path));

/** Why this cannot be tested here; undefined if it can. */
export const missing = async () => (NGINX ? noStore() : "there is no nginx here (apt-get install nginx-light)");

/** `MCP_PROXY_BIN` may be three.mjs, which starts what this says. */
const binary = () => process.env.MCP_PROXY_REPLICA_BIN ?? "target/debug/mcp-proxy";

/** A replica; its connections to the store and from the others can be cut. */
class Replica {
  #child;
  #ended;

  constructor(world) {
    this.world = world;
  }

  async start() {
    const { command, flags, store } = this.world;
    this.toStore ??= await Link.start(store.url.slice("redis+unix://".length));
    this.fromPeers ??= await Link.start();
    this.port ??= await freePort();
    const own = [
      ...["--port", String(this.port), "--host", "127.0.0.1", "--peerPort", "0"],
      ...["--peerAddress", `127.0.0.1:${this.fromPeers.port}`, "--store", `redis://127.0.0.1:${this.toStore.port}`],
    ];
    this.#child = spawn(binary(), [...own, ...flags, "--", ...command], {
      env: { ...process.env, MCP_PROXY_PEER_SECRET: "a secret of the tests, and of nobody else" },
      stdio: ["ignore", "pipe", this.world.loud ? "inherit" : "ignore"],
    });
    this.#ended = once(this.#child, "exit");
    const lines = new Journal();
    eachLine(this.#child.stdout, (line) => lines.push(line));
    const line = await lines.first((text) => text.trimStart().startsWith("other replicas "), "its peer port");
    await this.fromPeers.begin(Number(/:(\d+)\s*$/.exec(line)[1]));
    await lines.first((text) => text.includes("listening on "), "its port");
    return this;
  }

  signal(name) {
    this.#child.kill(name);
  }

  async kill() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGCONT");
    this.#child.kill("SIGKILL");
    await this.#ended;
    await this.fromPeers.end();
  }

  /** Ends it as an orchestrator does. */
  async terminate() {
    this.#child.kill("SIGTERM");
    const [code, signal] = await this.#ended;
    if (code !== 0) throw new Error(`a replica ended with ${code ?? signal}`);
  }

  async close() {
    await this.kill();
    this.toStore?.close();
    this.fromPeers?.close();
  }
}

/** See the module. */
export class World {
  #nginx;
  replicas = [];

  /** This many replicas with these flags, in front of this command; `LEDGER` in it stands for a file's name. */
  static async start({ command, count = 3, flags = [], loud = Boolean(process.env.MCP_PROXY_LOG), port }) {
    const world = new World();
    world.directory = mkdtempSync(join(tmpdir(), "world-"));
    world.ledger = join(world.directory, "ledger");
    writeFileSync(world.ledger, "");
    world.command = command.map((word) => (word === "LEDGER" ? world.ledger : word));
    world.flags = flags;
    world.loud = loud;
    world.port = port;
    world.store = await startStore();
    try {
      while (world.replicas.length < count) world.replicas.push(await new Replica(world).start());
      await world.#balance();
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  /** How often each text was run. */
  runs() {
    const counts = new Map();
    for (const text of readFileSync(this.ledger, "utf8").split("\n").filter(Boolean)) {
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    return counts;
  }

  #configuration(out) {
    const servers = this.replicas.map(
      ({ port }, index) => `server 127.0.0.1:${port} max_fails=1 fail_timeout=1s${index === out ? " down" : ""};`,
    );
    writeFileSync(
      join(this.directory, "nginx.conf"),
      `${process.getuid?.() === 0 ? "user root;" : ""} daemon off; worker_processes 1; pid ${this.directory}/nginx.pid; error_log ${this.directory}/error.log;
       worker_shutdown_timeout 30s;
       worker_rlimit_nofile 16384;
       events { worker_connections 8192; }
       http {
         access_log off;
         client_body_temp_path ${this.directory}/body; proxy_temp_path ${this.directory}/proxy;
         fastcgi_temp_path ${this.directory}/f; uwsgi_temp_path ${this.directory}/u; scgi_temp_path ${this.directory}/s;
         upstream replicas { ${servers.join(" ")} keepalive 16; }
         server {
           listen 127.0.0.1:${this.port};
           location / {
             proxy_pass http://replicas; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
             proxy_buffering off; proxy_connect_timeout 1s; proxy_read_timeout 20s; client_max_body_size 0;
           }
         }
       }`,
    );
  }

  async #balance() {
    this.port ??= await freePort();
    this.#configuration();
    const words = ["-p", this.directory, "-e", `${this.directory}/error.log`, "-c", `${this.directory}/nginx.conf`];
    this.#nginx = spawn(NGINX, words, { stdio: "ignore" });
    for (;;) {
      if (this.#nginx.exitCode !== null) throw new Error(readFileSync(join(this.directory, "error.log"), "utf8"));
      const answer = await fetch(`http://127.0.0.1:${this.port}/ping`).catch(() => undefined);
      if (answer?.ok) return;
      await sleep(10);
    }
  }

  /** Makes the load balancer skip this replica, or none; running requests continue. */
  async leaveOut(index) {
    this.#configuration(index);
    const workers = () =>
      spawnSync("pgrep", ["-P", String(this.#nginx.pid)], { encoding: "utf8" })
        .stdout.trim()
        .split("\n");
    const before = new Set(workers());
    this.#nginx.kill("SIGHUP");
    while (!workers().some((pid) => !before.has(pid))) await sleep(10);
    // The old worker completes its requests; the new one takes new connections.
    await sleep(100);
  }

  async close() {
    if (this.#nginx && this.#nginx.exitCode === null) {
      this.#nginx.kill("SIGTERM");
      await once(this.#nginx, "exit");
    }
    for (const replica of this.replicas) await replica.close();
    this.store.signal("SIGCONT");
    await this.store.stop();
    rmSync(this.directory, { force: true, recursive: true });
  }
}
