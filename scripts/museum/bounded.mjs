// Programs with a time limit that applies to everything they start: each has a process group of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";

/** Ends a program and what it has started. */
export function end(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** The output of a program; fails with how it ended, or that its time was over. */
export async function output(file, args, { milliseconds, ...options }) {
  const child = spawn(file, args, { detached: true, stdio: ["ignore", "pipe", "pipe"], ...options });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end(child);
  }, milliseconds);
  const [printed, said] = [[], []];
  child.stdout.on("data", (chunk) => printed.push(chunk));
  child.stderr.on("data", (chunk) => said.push(chunk));
  try {
    // Not `close`: processes that it has left behind may keep the pipes open.
    const [code, signal] = await once(child, "exit");
    if (isLate) throw new Error(`no end within ${milliseconds / 1000} s`);
    if (code !== 0) throw new Error(`ended with ${code ?? signal}: ${lastLine(said)}`);
    await drained(child.stdout);
    return Buffer.concat(printed).toString();
  } finally {
    clearTimeout(timer);
    end(child);
  }
}

const lastLine = (chunks) => Buffer.concat(chunks).toString().trim().split("\n").at(-1).slice(0, 200);

/** Waits until the output before the end was read; a second at most, if something else keeps the pipe open. */
const drained = (stream) =>
  stream.readableEnded
    ? undefined
    : Promise.race([once(stream, "end"), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
