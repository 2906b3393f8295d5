"use strict";
// Runs the native executable in place of this process, as far as the platform allows that.
const { spawn } = require("node:child_process");

/**
 * What to do with signals while the child runs. Those that a terminal or the Windows console also sends to the child
 * are ignored here (a second copy would mean "stop at once"); the others are passed on.
 */
const signals = () => {
  const terminal = ["SIGINT", "SIGQUIT", "SIGHUP"];
  if (process.platform === "win32") return { ignored: ["SIGINT", "SIGBREAK", "SIGHUP"], forwarded: [] };
  if (process.stdin.isTTY) return { ignored: terminal, forwarded: ["SIGTERM", "SIGUSR2"] };
  return { ignored: [], forwarded: [...terminal, "SIGTERM", "SIGUSR2"] };
};

/** Runs `file` as a child with our standard streams, and ends as the child does. */
const runAsChild = (file, args) => {
  const { ignored, forwarded } = signals();
  // Before the child exists, so that a signal does not end this process and leave the child running.
  for (const signal of ignored) process.on(signal, () => {});
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  const child = spawn(file, args, { stdio: "inherit" });
  child.on("error", (error) => {
    console.error(`mcp-proxy: cannot run ${file}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    if (!signal) return process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
};

/** Replaces this process with `file` if Node supports that (22.15 and later, not on Windows). */
exports.launch = (file, args) => {
  if (typeof process.execve !== "function" || process.platform === "win32") return runAsChild(file, args);
  process.execve(file, [file, ...args]);
};
