"use strict";
// Makes the command the native executable itself, so that no Node process stands before it. Only an
// improvement: whatever prevents it, the launcher in that place does the same work. From there the
// executable finds its addon as Node does.
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
