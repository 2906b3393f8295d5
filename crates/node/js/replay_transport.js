"use strict";
// `replayTransport`: a recording in place of a server, for a client of either SDK in a test.
const addon = require("./addon.js");
const { inWords, taken } = require("./options.js");

/** The kinds of events, by their numbers. */
const KINDS = addon.eventKinds();
const OPTIONS = { file: true, mayDiffer: true, speed: true };

class ReplayTransport {
  onclose;
  onerror;
  onmessage;
  #native;
  #options;

  constructor(options) {
    this.#options = options;
  }

  /** Resolves when the recording is read. */
  async start() {
    if (this.#native) throw new Error("Transport already started");
    await new Promise((resolve, reject) => {
      const heard = {
        closed: () => this.onclose?.(),
        failed: (text) => reject(new Error(text)),
        listening: resolve,
        message: (text) => this.#deliver(text),
      };
      const hear = (kind, _id, _server, _stream, _caller, text) => heard[KINDS[kind]](text);
      this.#native = addon.startReplay(JSON.stringify(inWords(this.#options, OPTIONS)), hear);
    });
  }

  async send(message) {
    if (!this.#native?.send(JSON.stringify(message))) throw new Error("The transport is closed");
  }

  async close() {
    this.#native?.close();
  }

  setProtocolVersion() {}

  #deliver(text) {
    try {
      this.onmessage?.(JSON.parse(text));
    } catch (error) {
      this.onerror?.(error);
    }
  }
}

const replayTransport = (file, options) => new ReplayTransport(taken({ ...options, file }, OPTIONS));

module.exports = { replayTransport };
