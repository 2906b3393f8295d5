// A relay between a browser and the proxy that can break every connection, and continue.
import { connect, createServer } from "node:net";

export async function openRelay(port) {
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    url: `http://127.0.0.1:${server.address().port}`,
  };
}
