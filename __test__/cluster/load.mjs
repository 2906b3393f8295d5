// Clients that call all the time, and the result of each call: exactly one answer, whatever happens meanwhile.
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const PROTOCOL = "2025-11-25";
/** How long a call may go without any result. */
const PATIENCE = 60_000;

const initialize = {
  id: 0,
  jsonrpc: "2.0",
  method: "initialize",
  params: { capabilities: {}, clientInfo: { name: "load", version: "1" }, protocolVersion: PROTOCOL },
};

/** One exchange over a connection of its own; `broken` says that the connection ended before the answer did. */
const exchange = (url, { body, headers, method }) =>
  new Promise((resolve) => {
    let text = "";
    const sent = request(url, { agent: false, headers, method }, (response) => {
      const outcome = (broken) => resolve({ broken, headers: response.headers, status: response.statusCode, text });
      response.setEncoding("utf8");
      response.on("data", (part) => {
        text += part;
      });
      response.on("end", () => outcome(!response.complete));
      response.on("error", () => outcome(true));
    });
    sent.on("error", () => resolve({ broken: true, status: 0, text }));
    sent.setTimeout(PATIENCE, () => sent.destroy());
    sent.end(body);
  });

const messagesOf = (text) =>
  text.split("\n").flatMap((line) => {
    const json = line.startsWith("data: {") ? line.slice(6) : line.startsWith("{") ? line : undefined;
    try {
      return json ? [JSON.parse(json)] : [];
    } catch {
      // The connection broke in the middle of it.
      return [];
    }
  });

const lastEventId = (text) => [...text.matchAll(/^id: ?(.+)$/gm)].at(-1)?.[1];

/** See the module. */
export class Load {
  /** The result of each call, by its text. */
  outcomes = new Map();
  /** Requests that were refused for now. */
  refused = 0;
  /** The longest time from a call to its result. */
  longest = 0;
  problems = [];
  #clients;
  #running = true;

  /** Starts this many clients, which call every `pause` milliseconds; every tenth call takes `slow` milliseconds. */
  constructor(url, { clients = 4, pause = 10, slow = 0 } = {}) {
    this.url = url;
    this.#clients = Array.from({ length: clients }, (_, number) => this.#run(number, pause, slow));
  }

  async #run(number, pause, slow) {
    const session = await this.#open();
    const calls = [];
    for (let count = 0; this.#running; count += 1) {
      const ms = slow && count % 10 === 9 ? slow : undefined;
      calls.push(this.#call(session, `${number}-${count}`, ms));
      await sleep(pause);
    }
    await Promise.all(calls);
  }

  async #open() {
    const headers = { accept: "application/json, text/event-stream", "content-type": "application/json" };
    for (;;) {
      const answer = await exchange(this.url, { body: JSON.stringify(initialize), headers, method: "POST" });
      if (answer.status === 200) {
        const session = {
          ...headers,
          "mcp-protocol-version": PROTOCOL,
          "mcp-session-id": answer.headers["mcp-session-id"],
        };
        const body = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
        await exchange(this.url, { body, headers: session, method: "POST" });
        return session;
      }
      await sleep(20);
    }
  }

  async #call(headers, text, ms) {
    const began = performance.now();
    const params = { arguments: { ms, text }, name: "count" };
    const body = JSON.stringify({ id: text, jsonrpc: "2.0", method: "tools/call", params });
    const outcome = await this.#outcome(headers, body, text, began);
    if (this.outcomes.has(text)) this.problems.push(`${text} was answered twice`);
    this.outcomes.set(text, outcome);
    this.longest = Math.max(this.longest, performance.now() - began);
  }

  async #outcome(headers, body, text, began) {
    let resuming;
    for (;;) {
      if (performance.now() - began > PATIENCE) {
        this.problems.push(`${text} has no answer`);
        return "silence";
      }
      const answer = resuming
        ? await exchange(this.url, { headers: { ...headers, "last-event-id": resuming }, method: "GET" })
        : await exchange(this.url, { body, headers, method: "POST" });
      const judged = this.#judge(answer, text, resuming);
      if (judged.outcome) return judged.outcome;
      resuming = judged.resuming;
      await sleep(20);
    }
  }

  /** A result, or what to do next: the event id to resume from, or the whole call again. */
  #judge({ broken, status, text: said }, text, resuming) {
    const answer = this.#answerIn(messagesOf(said), text);
    if (answer) return { outcome: this.#answered(answer, text) };
    if (said.includes("may have run")) return { outcome: "may have run" };
    if (status === 503 && said.includes("jsonrpc")) {
      this.refused += 1;
      return { resuming };
    }
    if (status === 404) {
      this.problems.push(`${text}: the session was lost: ${said.slice(0, 200)}`);
      return { outcome: "lost" };
    }
    if (!broken && status !== 200 && status < 500) {
      this.problems.push(`${text}: ${status} ${said.slice(0, 200)}`);
      return { outcome: "odd" };
    }
    // With an event id the client returns for its answer; without one it knows that the call may have run.
    const last = lastEventId(said) ?? resuming;
    return last === undefined ? { outcome: "broken" } : { resuming: last };
  }

  #answerIn(messages, text) {
    const answers = messages.filter(({ id, method }) => id !== undefined && !method);
    const foreign = answers.find(({ id }) => id !== text && id !== null);
    if (foreign) this.problems.push(`${text} got ${JSON.stringify(foreign)}`);
    const own = answers.filter(({ id }) => id === text);
    if (own.length > 1) this.problems.push(`${text} was answered ${own.length} times`);
    return own[0];
  }

  #answered({ error, result }, text) {
    if (error) {
      if (!error.message.includes("may have run")) this.problems.push(`${text}: ${error.message}`);
      return error.message.includes("may have run") ? "may have run" : "error";
    }
    if (result.content[0].text !== text) this.problems.push(`${text} got the answer to ${result.content[0].text}`);
    return "result";
  }

  /** Resolves when this many more calls have a result. */
  async pass(calls) {
    const until = this.outcomes.size + calls;
    while (this.outcomes.size < until) await sleep(5);
  }

  /** Stops the clients; returns the counts. */
  async stop(runs) {
    this.#running = false;
    await Promise.all(this.#clients);
    for (const [text, times] of runs()) if (times > 1) this.problems.push(`${text} ran ${times} times`);
    const ran = runs();
    const counts = {};
    for (const [text, outcome] of this.outcomes) {
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      if (outcome === "result" && !ran.has(text)) this.problems.push(`${text} was answered and never ran`);
    }
    return { counts, longest: Math.round(this.longest), problems: this.problems, refused: this.refused };
  }
}
