// A browser of this machine, and a proxy with its page.
import { execFileSync, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const { nativePath } = require("../../npm/platform.js");

/** Chromium, installed by Debian or the user; the suite is skipped without it. */
export const browserPath = () => {
  for (const name of [process.env.CHROMIUM, "chromium", "chromium-browser", "google-chrome"]) {
    if (!name) continue;
    try {
      execFileSync(name, ["--version"], { stdio: "ignore" });
      return execFileSync("sh", ["-c", `command -v "${name}"`], { encoding: "utf8" }).trim();
    } catch {
      // Another may be there.
    }
  }
  return undefined;
};

export const launch = async () => {
  const { chromium } = await import("playwright-core");
  const args = ["--no-sandbox", "--disable-dev-shm-usage"];
  return chromium.launch({ args, executablePath: browserPath(), headless: true });
};

/** A proxy in front of a server in this folder; resolves with its URLs. */
export const proxy = async (...flags) => {
  const server = fileURLToPath(new URL("server.mjs", import.meta.url));
  const words = ["--port", "0", "--inspect", ...flags, "--", process.execPath, server];
  const child = spawn(nativePath("executable"), words, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const found = await new Promise((done, fail) => {
    const urls = {};
    lines.on("line", (line) => {
      urls.inspect ??= /http:\/\/127\.0\.0\.1:\d+\/#token=\w+/.exec(line)?.[0];
      urls.mcp ??= /Streamable HTTP\s+(\S+)/.exec(line)?.[1];
      if (urls.inspect && urls.mcp) done(urls);
    });
    child.on("exit", (code) => fail(new Error(`the proxy ended with ${code}`)));
  });
  const close = () =>
    new Promise((done) => {
      child.removeAllListeners("exit");
      child.on("exit", done);
      child.kill();
    });
  return { ...found, close };
};

/** Uses the URL of a page; returns what requests for its data must carry. */
export const enter = async (url) => {
  const { hash, origin } = new URL(url);
  const headers = { "x-inspect-token": hash.replace("#token=", "") };
  const response = await fetch(`${origin}/api/session`, { headers, method: "POST" });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()).token;
};

let next = 1;

/** Sends one message to a proxy, in a session of its own kind. */
export const post = async (url, method, params, headers = {}) => {
  const body = JSON.stringify({ id: next++, jsonrpc: "2.0", method, params });
  const accept = "application/json, text/event-stream";
  return fetch(url, { body, headers: { accept, "content-type": "application/json", ...headers }, method: "POST" });
};

/** Opens a session; returns a function that calls a tool in it. */
export const session = async (url, name = "tester") => {
  const params = { capabilities: {}, clientInfo: { name, version: "1.2.3" }, protocolVersion: "2025-11-25" };
  const opened = await post(url, "initialize", params);
  const id = opened.headers.get("mcp-session-id");
  await opened.text();
  return async (tool, args = {}) => {
    const answer = await post(url, "tools/call", { arguments: args, name: tool }, { "mcp-session-id": id });
    return answer.text();
  };
};
