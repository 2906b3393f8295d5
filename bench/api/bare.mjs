// The bare relay in Node: HTTP body → the SDK's server → JSON, with a server for each session and no checks.
// A package must do at least as much for an SDK server.
import { randomUUID } from "node:crypto";
import { createServer as createHttpServer } from "node:http";

/** An SDK server's transport: answers are matched by their ids to the responses that wait for them. */
class Session {
  id = randomUUID();
  #waiting = new Map();

  start = async () => {};
  close = async () => this.onclose?.();

  send = async (message) => {
    const response = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    response?.setHeader("Content-Type", "application/json").setHeader("Mcp-Session-Id", this.id);
    response?.end(JSON.stringify(message));
  };

  receive(message, response) {
    if (message.id === undefined) response.writeHead(202).end();
    else this.#waiting.set(message.id, response);
    this.onmessage?.(message);
  }
}

const bodyOf = async (request) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
};

export const startHTTPServer = ({ createServer, host, port }) => {
  const sessions = new Map();
  const open = async (message) => {
    const session = new Session();
    // Without initialize there is no session to return to.
    if (message.method === "initialize") sessions.set(session.id, session);
    await (await createServer()).connect(session);
    return session;
  };
  const answer = async (request, response) => {
    const id = request.headers["mcp-session-id"];
    if (request.method === "DELETE") {
      await sessions.get(id)?.close();
      sessions.delete(id);
      return response.end();
    }
    const message = JSON.parse(await bodyOf(request));
    (sessions.get(id) ?? (await open(message))).receive(message, response);
  };
  return new Promise((resolve) => createHttpServer(answer).listen(port, host, resolve));
};
