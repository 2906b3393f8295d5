// What every script needs: the repository's root, running a command, installing npm packages.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a command in the foreground; if it fails, this process ends with its status. */
export const run = (command, args, options = {}) => {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    ...options,
  });
  if (status === 0) return;
  const how = error?.message ?? (signal ? `ended by ${signal}` : `exited with ${status}`);
  console.error(`${command} ${args.join(" ")}: ${how}`);
  process.exit(status || 1);
};

/** The npm that started us, with its settings; else the one in the path. */
const npm = process.env.npm_execpath?.endsWith(".js")
  ? [process.execPath, process.env.npm_execpath]
  : [process.platform === "win32" ? "npm.cmd" : "npm"];

/** `npm ci` in `directory`, unless its lockfile has not changed since the last time. */
export const installPackages = (directory = root) => {
  const lock = createHash("sha256")
    .update(readFileSync(join(directory, "package-lock.json")))
    .digest("hex");
  const stamp = join(directory, "node_modules", ".installed-from");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  const [command, ...args] = npm;
  run(command, [...args, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: directory,
    shell: command.endsWith(".cmd"),
  });
  writeFileSync(stamp, lock);
};

/** Executable of another line of Node (22, 24), from npm; undefined if npm has none. */
export const otherNode = (line) => {
  const runtimes = join(root, "__test__/package/runtimes");
  if (process.platform !== "linux") return undefined;
  installPackages(runtimes);
  const file = join(runtimes, `node_modules/node${line}-linux-${process.arch}/bin/node`);
  return existsSync(file) ? file : undefined;
};

/** Whether `cargo nextest` is installed. */
export const hasNextest = () =>
  spawnSync("cargo", ["nextest", "--version"], { cwd: root, stdio: "ignore" }).status === 0;
