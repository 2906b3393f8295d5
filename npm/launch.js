"use strict";
// Hands this process over to the native executable, as nearly as the platform allows.
const { spawn } = require("node:child_process");

/**
 * What to do with signals while the child runs: those that a terminal, or the Windows console,
 * delivers to the child by itself are ignored here (a second copy would mean "stop at once"),
 * the others are passed on.
 */
const signals = () => {
  const terminal = ["SIGINT", "SIGQUIT", "SIGHUP"];
  if (process.platform === "win32") return { ignored: ["SIGINT", "SIGBREAK", "SIGHUP"], forwarded: [] };
  if (process.stdin.isTTY) return { ignored: terminal, forwarded: ["SIGTERM", "SIGUSR2"] };
  return { ignored: [], forwarded: [...terminal, "SIGTERM", "SIGUSR2"] };
};

/** Runs `file` as a child with our standard streams, and ends the way it ends. */
const runAsChild = (file, args) => {
  const { ignored, forwarded } = signals();
  const child = spawn(file, args, { stdio: "inherit" });
  for (const signal of ignored) process.on(signal, () => {});
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
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

/** Runs `file` in place of this process where Node can do that (22.15 and later, not on Windows). */
exports.launch = (file, args) => {
  if (typeof process.execve !== "function" || process.platform === "win32") return runAsChild(file, args);
  process.execve(file, [file, ...args]);
};
