// The tests' own store: Debian's redis-server on a socket in a directory that is deleted with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why there is no store to test with; undefined if there is one. */
export const noStore = async () => {
  const asking = spawn("redis-server", ["--version"], { stdio: "ignore" });
  const asked = await Promise.race([once(asking, "exit"), once(asking, "error")]);
  return asked[0] === 0 ? undefined : "there is no redis-server here (apt-get install redis-server)";
};

const answers = (path) =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    }).on("error", () => resolve(false));
  });

/** Starts an empty store. */
export const startStore = async (...flags) => {
  const directory = mkdtempSync(join(tmpdir(), "store-"));
  const path = join(directory, "s");
  const always = ["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", "s"];
  const launch = async () => {
    const child = spawn("redis-server", [...always, ...flags], { cwd: directory, stdio: "ignore" });
    while (!(await answers(path))) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return child;
  };
  let child = await launch();
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  return {
    kill,
    /** Starts it again after it was killed; it is empty. */
    restart: async () => {
      rmSync(path, { force: true });
      child = await launch();
    },
    signal: (name) => child.kill(name),
    stop: async () => {
      await kill();
      rmSync(directory, { force: true, recursive: true });
    },
    url: `redis+unix://${path}`,
  };
};
