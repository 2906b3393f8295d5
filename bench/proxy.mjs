/** A proxy that is measured: its process, and requests to it over connections that are kept. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Nanoseconds that the threads of a process have run. */
export const cpu = (pid) => {
  const tasks = `/proc/${pid}/task`;
  const ran = (task) => Number(readFileSync(join(tasks, task, "schedstat"), "utf8").split(" ")[0]);
  return readdirSync(tasks).reduce((sum, task) => sum + ran(task), 0);
};

export class Proxy {
  #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  #child;

  /** Starts the executable `proxy` with these flags in front of the command `server`. */
  static async start({ proxy: executable, server }, flags) {
    const proxy = new Proxy();
    const words = ["--host", "127.0.0.1", "--port", "0", ...flags, "--", ...server.split(" ")];
    proxy.#child = spawn(executable, words, { stdio: ["ignore", "pipe", "ignore"] });
    for await (const line of createInterface({ input: proxy.#child.stdout })) {
      proxy.port ??= /Streamable HTTP\s+\S+:(\d+)\/mcp/.exec(line)?.[1];
      proxy.inspect ??= /http:\/\/127\.0\.0\.1:\d+\/#token=\w+/.exec(line)?.[0];
      if (proxy.port && (proxy.inspect || !flags.includes("--inspect"))) break;
    }
    proxy.#child.stdout.resume();
    return proxy;
  }

  send(method, path, headers, body) {
    return new Promise((resolve, reject) => {
      const asking = request({ agent: this.#agent, headers, host: "127.0.0.1", method, path, port: this.port });
      asking.on("error", reject);
      asking.on("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part) => (text += part));
        response.on("end", () => resolve({ response, text }));
      });
      asking.end(body);
    });
  }

  /** Nanoseconds that its threads have run. */
  cpu() {
    return cpu(this.#child.pid);
  }

  /** Bytes in memory. */
  memory() {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024;
  }

  async stop() {
    this.#agent.destroy();
    this.#child.kill();
    await once(this.#child, "exit");
  }
}
