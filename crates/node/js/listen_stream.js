"use strict";
// The one `subscriptions/listen` stream of a 2026-07-28 upstream: opened when somebody listens, replaced
// when the filter changes, and opened again, within a budget, when it breaks off.
const addon = require("./addon.js");

class ListenStream {
  #retries = new addon.ListenRetries();
  #retry;
  #stream;

  /**
   * `open` resolves to a new stream, or to nothing where there is nothing to listen for; `enqueue` runs a
   * change of the upstream after those before it; `isWanted` tells whether there is still an upstream to reopen.
   */
  constructor({ enqueue, isWanted, open }) {
    Object.assign(this, { enqueue, isWanted, open });
  }

  /** Opens the stream unless there is one. A failure is tried again. */
  async ensure() {
    if (this.#stream) return;
    try {
      await this.replace();
    } catch (error) {
      console.error("[mcp-proxy] error opening the upstream's listen stream", error);
      this.#scheduleRetry();
    }
  }

  /** Opens a stream with the filter of this moment before the one with the old filter goes. */
  async replace() {
    const next = await this.open();
    const [old, openedAt] = [this.#stream, Date.now()];
    this.#stream = next;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    next?.closed.then((reason) => {
      if (this.#stream === next) this.#ended(reason, Date.now() - openedAt);
    });
    await old?.close();
  }

  async close() {
    clearTimeout(this.#retry);
    const stream = this.#stream;
    this.#stream = undefined;
    await stream?.close();
  }

  #ended(reason, lifetime) {
    this.#stream = undefined;
    if (reason === "graceful") {
      console.error(
        "[mcp-proxy] the upstream ended its listen stream; no change notifications until it is opened again",
      );
    } else if (reason !== "local") {
      this.#scheduleRetry(lifetime);
    }
  }

  #scheduleRetry(lifetime = 0) {
    if (this.#retry || !this.isWanted()) return;
    const { isLong, length } = this.#retries.failed(lifetime, Date.now());
    if (isLong) {
      console.error(`[mcp-proxy] gave up reopening the upstream's listen stream; next try in ${length / 1000} s`);
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.isWanted()) this.enqueue(() => this.ensure());
    }, length);
    this.#retry.unref();
  }
}

module.exports = { ListenStream };
