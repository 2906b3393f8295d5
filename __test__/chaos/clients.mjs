// Clients of both transports over plain HTTP, which call one tool again and again and check each answer.
import { setTimeout as sleep } from "node:timers/promises";

/** A call without an answer after this long counts as unanswered. */
const PATIENCE_MS = 5_000;

const JSON_HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const INITIALIZE = {
  jsonrpc: "2.0",
  id: "init",
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "chaos", version: "1" } },
};
const INITIALIZED = { jsonrpc: "2.0", method: "notifications/initialized" };

export const toolCall = (id, name, args = {}) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args },
});

/** The messages in a piece of an event stream. */
const messagesIn = (text) =>
  text
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data:") && line.slice(5).trim() !== "")
    .map((line) => line.slice(5));

export class StreamClient {
  constructor(url) {
    this.url = `${url}/mcp`;
  }

  async open() {
    const answer = await this.#post(INITIALIZE);
    this.session = answer.headers.get("mcp-session-id");
    const text = await answer.text();
    if (!answer.ok || !text.includes('"serverInfo"')) throw new Error(`initialize: ${answer.status} ${text}`);
    await this.#post(INITIALIZED).then((accepted) => accepted.text());
    return this;
  }

  /** Everything that came in answer to a request. */
  async ask(message, patience = PATIENCE_MS) {
    const answer = await this.#post(message, patience);
    const text = await answer.text();
    const isStream = answer.headers.get("content-type")?.startsWith("text/event-stream");
    return isStream ? messagesIn(text).map((line) => JSON.parse(line)) : [{ status: answer.status, ...tryParse(text) }];
  }

  close() {}

  #post(message, patience = PATIENCE_MS) {
    const headers = this.session ? { ...JSON_HEADERS, "mcp-session-id": this.session } : JSON_HEADERS;
    const signal = AbortSignal.timeout(patience);
    return fetch(this.url, { method: "POST", headers, body: JSON.stringify(message), signal });
  }
}

export class SseClient {
  #abort = new AbortController();
  #received = [];
  #wake = () => {};

  constructor(url) {
    this.url = url;
  }

  async open() {
    const answer = await fetch(`${this.url}/sse`, {
      headers: { accept: "text/event-stream" },
      signal: this.#abort.signal,
    });
    this.#read(answer.body).catch(() => {});
    this.endpoint = await this.#first((line) => line.startsWith("/"));
    const [answered] = await this.ask(INITIALIZE);
    if (!answered.result) throw new Error(`initialize: ${JSON.stringify(answered)}`);
    await this.#post(INITIALIZED);
    return this;
  }

  /** The first message that answers a request. */
  async ask(message, patience = PATIENCE_MS) {
    const posted = await this.#post(message);
    if (!posted.ok) return [{ status: posted.status }];
    const answers = (line) => {
      const received = tryParse(line);
      return ("result" in received || "error" in received) && received.id !== undefined;
    };
    return [JSON.parse(await this.#first(answers, patience))];
  }

  close() {
    this.#abort.abort();
  }

  async #post(message) {
    const body = JSON.stringify(message);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(this.url + this.endpoint, { method: "POST", headers: JSON_HEADERS, body, signal });
    await answer.text();
    return answer;
  }

  async #read(body) {
    const decoder = new TextDecoder();
    let pending = "";
    for await (const chunk of body) {
      const blocks = (pending + decoder.decode(chunk, { stream: true })).split("\n\n");
      pending = blocks.pop();
      this.#received.push(...blocks.flatMap(messagesIn).map((line) => line.trim()));
      this.#wake();
    }
  }

  async #first(predicate, patience = PATIENCE_MS) {
    const deadline = Date.now() + patience;
    for (;;) {
      while (this.#received.length > 0) {
        const line = this.#received.shift();
        if (predicate(line)) return line;
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new DOMException("no answer", "TimeoutError");
      await Promise.race([new Promise((resolve) => (this.#wake = resolve)), sleep(left)]);
    }
  }
}

function tryParse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { text };
  }
}

/** Counts the results of calls. */
export class Tally {
  answered = 0;
  failed = 0;
  unanswered = 0;
  wrong = 0;

  /** Calls again and again until told to stop; a client that gets no answer gives up. */
  async run(client, name, isOver) {
    for (let number = 0; !isOver(); number += 1) {
      const text = `${name} ${number}`;
      const answers = await client.ask(toolCall(number, "echo", { text })).catch((error) => error);
      if (answers instanceof Error) {
        this.unanswered += 1;
        return;
      }
      this.#judge(answers, number, text);
      // A client that is refused at once must not count thousands of refusals.
      if (answers[0]?.result === undefined) await sleep(100);
    }
  }

  #judge(answers, number, text) {
    const [answer] = answers.filter(({ method }) => method === undefined);
    if (answers.length === 0) this.unanswered += 1;
    else if (answer.status >= 400 || (answer.error && [number, null].includes(answer.id))) this.failed += 1;
    else if (answer.id === number && answer.result?.content?.[0]?.text === text) this.answered += 1;
    else this.wrong += 1;
  }
}
