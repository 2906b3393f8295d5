// The `fetch` for a client under test: it records every exchange and can break them as a network does.

import { Journal } from "../support/journal.mjs";

export class Wire {
  /** `{ cut, headers, method, status, url }`, one per answered request. */
  exchanges = new Journal();
  #open = Promise.resolve();

  fetch = async (url, init = {}) => {
    const method = init.method ?? "GET";
    if (method === "GET") await this.#open;
    const breaker = new AbortController();
    const signals = [breaker.signal, init.signal].filter(Boolean);
    const response = await fetch(url, { ...init, signal: AbortSignal.any(signals) });
    this.exchanges.push({
      cut: () => breaker.abort(),
      headers: new Headers(init.headers),
      method,
      status: response.status,
      url: String(url),
    });
    return response;
  };

  /** Keeps new GET requests off the network until the returned function is called. */
  holdGet() {
    let release;
    this.#open = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  /** Breaks the newest answered exchange of this method. */
  cutLast(method) {
    this.exchanges.entries.findLast((exchange) => exchange.method === method).cut();
  }
}
