// Programs with a time limit that holds for everything they start: each has a process group of its own.
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

/** What a program prints; an error that says how it ended, or that its time was over. */
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
    // Not `close`: what it has left behind may keep the pipes.
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

/** What was written before the end has been read; a second at most, if something else holds the pipe. */
const drained = (stream) =>
  stream.readableEnded
    ? undefined
    : Promise.race([once(stream, "end"), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
