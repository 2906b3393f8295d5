// Ports for programs that cannot choose their own.
import { once } from "node:events";
import { createServer } from "node:net";

const FIRST = 10_000;
const COUNT = 20_000;

/**
 * A port on which nobody listens, on any address. It is below those that systems assign by themselves, to listeners on
 * port 0 and to connections, so that none of them takes it meanwhile.
 */
export const freePort = async () => {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = createServer().listen(port);
    const isFree = await once(server, "listening").then(
      () => true,
      ({ code }) => {
        if (code === "EADDRINUSE" || code === "EACCES") return false;
        throw new Error(`port ${port}: ${code}`);
      },
    );
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
};
