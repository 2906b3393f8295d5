// Projects with the packed package installed in them, and the Node lines to run them on.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { otherNode, root } from "../../scripts/tools.mjs";

export const windows = process.platform === "win32";

/** Environment of a user's shell: without the variables of the npm that may be running the tests. */
export const cleanEnvironment = (path) => {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|NODE_TEST|MCP_PROXY)/i.test(name));
  return { ...Object.fromEntries(kept), ...(path && { PATH: path }) };
};

export const run = (program, args, options) =>
  execFileSync(program, args, { encoding: "utf8", env: cleanEnvironment(), shell: windows, ...options });

/** A directory that is deleted after the test of this context; a suite passes `{ after }` of node:test. */
export const temporaryDirectory = (context) => {
  const directory = mkdtempSync(join(tmpdir(), "mcp-proxy-"));
  context.after(() => rmSync(directory, { force: true, recursive: true, maxRetries: 5 }));
  return directory;
};

/** Packs the development build; returns the tarballs of the main and the platform's package. */
export const packDevelopmentBuild = (out) => {
  run(process.execPath, [join(root, "npm/pack.js"), "--profile", "debug", "--out", out], { shell: false });
  const tarballs = readdirSync(out).filter((name) => name.endsWith(".tgz"));
  const main = tarballs.find((name) => /^mcp-proxy-\d/.test(name));
  return {
    main: join(out, main),
    platform: join(
      out,
      tarballs.find((name) => name !== main),
    ),
  };
};

/** An empty project with tarballs installed, without a network. */
export const installIn = (directory, tarballs, ...flags) => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "package.json"), '{ "private": true }\n');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", ...flags, ...tarballs], {
    cwd: directory,
  });
};

/** Executables of the Node lines to test: the running one, and those that npm has for this platform. */
export const nodeLines = () => {
  const others = [22, 24].map((line) => [`node ${line}`, otherNode(line)]).filter(([, file]) => file);
  return [[`node ${process.versions.node}`, process.execPath], ...others];
};

/** Starts a program; `line(text)` waits for that text on stdout, and resolves to everything up to it. */
export const start = (program, args, options) => {
  const child = spawn(program, args, { env: cleanEnvironment(), ...options });
  const text = { stdout: "", stderr: "" };
  let wake = () => {};
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (chunk) => {
      text[name] += chunk;
      wake();
    });
  }
  const exited = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, ...text })));
  const line = async (expected) => {
    while (!text.stdout.includes(expected)) {
      const { promise, resolve } = deferred();
      wake = resolve;
      const ended = await Promise.race([promise, exited]);
      if (ended && !text.stdout.includes(expected)) throw new Error(`it ended first: ${JSON.stringify(ended)}`);
    }
    return text.stdout;
  };
  return { child, exited, line };
};

const deferred = () => {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
};
