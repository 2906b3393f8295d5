// The proxies as processes, and the processes that they leave behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { freePort } from "../support/port.mjs";

const local = (path) => fileURLToPath(new URL(path, import.meta.url));

export const fixture = process.env.MCP_PROXY_FIXTURE ?? local("../../target/debug/fixture");

export const contestants = [
  {
    name: "mcp-proxy (this one)",
    isOurs: true,
    command: [process.env.MCP_PROXY_BIN ?? local("../../target/debug/mcp-proxy")],
  },
  {
    name: "npm mcp-proxy 6.7.19",
    isOurs: false,
    command: [process.execPath, local("../../node_modules/mcp-proxy-original/dist/bin/mcp-proxy.mjs")],
  },
];

/** Starts a proxy in front of a command and waits until it answers `/ping`. */
export async function start({ command: [program, ...words], isOurs }, server, ownFlags = []) {
  const port = await freePort();
  const flags = ["--port", String(port), "--host", "127.0.0.1", ...(isOurs ? ownFlags : [])];
  const child = spawn(program, [...words, ...flags, "--", ...server], { stdio: "ignore" });
  const exited = once(child, "exit");
  const proxy = { url: `http://127.0.0.1:${port}`, pid: child.pid, child, exited };
  for (let attempt = 0; attempt < 1200; attempt += 1) {
    const answer = await fetch(`${proxy.url}/ping`).catch(() => undefined);
    if (answer?.ok) return proxy;
    await sleep(50);
  }
  child.kill("SIGKILL");
  throw new Error(`${program} does not serve`);
}

/** Ends a proxy; returns how many of its descendants are still alive after ten seconds. */
export async function end({ child, exited, pid }, signal = "SIGTERM") {
  const family = descendants(pid);
  child.kill(signal);
  await Promise.race([exited, sleep(10_000)]);
  const stuck = child.exitCode === null && child.signalCode === null;
  child.kill("SIGKILL");
  let left = family.filter(isAlive);
  for (let attempt = 0; left.length > 0 && attempt < 200; attempt += 1) {
    await sleep(50);
    left = left.filter(isAlive);
  }
  for (const survivor of left) process.kill(survivor, "SIGKILL");
  return { left: left.length, stuck };
}

/** The peak of a process's resident memory, in MiB. */
export function peak(pid) {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kib) / 1024);
}

export function isAlive(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export function descendants(pid) {
  const children = new Map();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const parent = parentOf(entry);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const below = (process) => (children.get(process) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}
