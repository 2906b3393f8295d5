"use strict";
// Ends this process's servers if it is killed: the executable, started as a guard.
const { existsSync } = require("node:fs");

const { nativePath } = require("../../../npm/platform.js");

/** Full path of the executable. Windows needs none; without it there is no guard. */
const executable = () => {
  if (process.platform === "win32") return undefined;
  try {
    const file = nativePath("executable");
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
};

/** Options that name the guard for the started servers. */
const guarded = (options) => {
  if (options?.config) return { ...options, guard: executable() };
  if (!options?.upstream || typeof options.upstream !== "object") return options;
  return { ...options, upstream: { ...options.upstream, guard: executable() } };
};

module.exports = { guarded };
