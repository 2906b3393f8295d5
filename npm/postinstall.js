"use strict";
// Replaces the command by the native executable, so that no Node process is needed to start it. This is only an
// optimisation: if it fails, the launcher in its place does the same. From there the executable finds its addon as Node
// does.
const { linkSync, renameSync, rmSync } = require("node:fs");
const { join } = require("node:path");

const { nativePath } = require("./platform.js");

// On Windows, and under Yarn's Plug'n'Play, commands are started through `node`.
const startedByNode = process.platform === "win32" || process.env.npm_config_user_agent?.startsWith("yarn/");

if (!startedByNode) {
  const launcher = join(__dirname, "mcp-proxy");
  const link = `${launcher}-${process.pid}`;
  try {
    linkSync(nativePath("executable"), link);
    renameSync(link, launcher);
  } catch {
    rmSync(link, { force: true });
  }
}
