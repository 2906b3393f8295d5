// A TCP proxy for tests: connections can be cut, stopped or delayed. Nothing is duplicated.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Link {
  #delay = 0;
  #held = false;
  #pairs = new Set();
  #refuses = false;
  #server;

  /** Starts listening; `target` is a port of this machine, or a path, and may be set later. */
  static async start(target) {
    const link = new Link();
    link.target = target;
    link.#server = createServer((near) => link.#accept(near)).listen(0, "127.0.0.1");
    await once(link.#server, "listening");
    link.port = link.#server.address().port;
    return link;
  }

  #accept(near) {
    near.on("error", () => {});
    if (this.#refuses || this.target === undefined) return void near.destroy();
    const far = typeof this.target === "string" ? connect(this.target) : connect(this.target, "127.0.0.1");
    const pair = { far, near };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.setNoDelay?.(true);
      if (this.#held) from.pause();
      // Later pieces leave later: the order stays.
      from.on("data", (bytes) => {
        const write = () => void (to.destroyed || to.write(bytes));
        if (this.#delay) setTimeout(write, this.#delay);
        else write();
      });
      from.on("error", () => {});
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  /** Breaks all connections, and refuses new ones. */
  cut() {
    this.#refuses = true;
    this.#destroy();
  }

  /** What it leads to has ended: the machine refuses connections. */
  async end() {
    this.close();
    await once(this.#server, "close");
  }

  /** It is there again, at this target. */
  async begin(target) {
    this.target = target;
    if (this.#server.listening) return;
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Nothing passes any more, and neither side is told: as if packets were lost. */
  hold() {
    this.#held = true;
    for (const { far, near } of this.#pairs) {
      far.pause();
      near.pause();
    }
  }

  /** Everything passes again. */
  mend() {
    this.#refuses = false;
    this.#held = false;
    this.#delay = 0;
    for (const { far, near } of this.#pairs) {
      far.resume();
      near.resume();
    }
  }

  /** Everything arrives this many milliseconds later. */
  slow(milliseconds) {
    this.#delay = milliseconds;
  }

  #destroy() {
    for (const { far, near } of this.#pairs) {
      far.destroy();
      near.destroy();
    }
  }

  close() {
    this.#destroy();
    this.#server.close();
  }
}
