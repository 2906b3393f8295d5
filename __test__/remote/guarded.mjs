// A server that requires tokens, and its authorization server, in one.
//
// `habits` change its behaviour; each gets what it needs and returns an answer, or nothing:
// - `description(server)`, `metadata(server)`: members of the two documents
// - `first(request)`: an answer to any request
// - `token(form, count)`: an answer to a request for a token, the `count`-th of its kind
// - `grant(token, form)`: the token as it is answered
// - `register(metadata)`: an answer to a registration
// - `authorize(parameters)`: parameters of the way back
// - `challenge(server)`: the challenge's text, `null` for none
// - `serve(message, scope)`: an answer to a message of MCP

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

export class Guarded {
  /** Every request: method, path, query, headers, body. */
  requests = [];
  counts = { authorize: 0, refresh: 0, register: 0 };
  denies = false;
  /** Standing streams that are open. */
  streams = new Set();
  #asked = new Map();
  #codes = new Map();
  #habits;
  #server;
  #sessions = new Set();
  #tokens = new Map();
  #refreshes = new Map();

  constructor(habits = {}) {
    this.#habits = habits;
  }

  async open() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
    this.url = `${this.origin}/mcp`;
    return this;
  }

  /** Revokes all tokens so far; with `all`, also the refresh tokens. */
  revoke({ all = false } = {}) {
    this.#tokens.clear();
    if (all) this.#refreshes.clear();
  }

  /** Forgets every session and ends their streams. */
  forget() {
    this.#sessions.clear();
    this.interrupt();
  }

  /** Ends the standing streams. */
  interrupt() {
    for (const stream of this.streams) stream.destroy();
    this.streams.clear();
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Bodies and queries of the requests to this path, as parameters. */
  parameters(path) {
    const found = this.requests.filter((request) => request.path === path);
    return found.map(({ body, query }) => new URLSearchParams(body || query));
  }

  async #answer(request, response) {
    const { pathname, search, searchParams } = new URL(request.url, this.origin);
    const body = await text(request);
    const { headers, method } = request;
    this.requests.push({ body, headers, method, path: pathname, query: search });
    const json = (value, status = 200, more = {}) => this.#send(response, { body: value, headers: more, status });
    const first = this.#habits.first?.({ headers, method, path: pathname, query: search });
    if (first) return this.#send(response, first);
    const { origin } = this;
    switch (pathname) {
      case "/.well-known/oauth-authorization-server":
        return json({
          authorization_endpoint: `${origin}/authorize`,
          code_challenge_methods_supported: ["S256"],
          issuer: origin,
          registration_endpoint: `${origin}/register`,
          token_endpoint: `${origin}/token`,
          ...this.#habits.metadata?.(this),
        });
      case "/.well-known/oauth-protected-resource/mcp":
        return json({ authorization_servers: [origin], resource: this.url, ...this.#habits.description?.(this) });
      case "/authorize":
        return this.#authorize(searchParams, response);
      case "/mcp":
        return this.#serve(request, response, body, json);
      case "/register": {
        this.counts.register += 1;
        const answer = this.#habits.register?.(JSON.parse(body));
        return answer ? this.#send(response, answer) : json({ client_id: `client-${this.counts.register}` }, 201);
      }
      case "/token":
        return this.#token(new URLSearchParams(body), response);
      default:
        return json({}, 404);
    }
  }

  #send(response, { body = "", headers = {}, status = 200 }) {
    const isText = typeof body === "string";
    response.writeHead(status, isText ? headers : { "content-type": "application/json", ...headers });
    response.end(isText ? body : JSON.stringify(body));
  }

  #authorize(parameters, response) {
    this.counts.authorize += 1;
    const back = new URL(parameters.get("redirect_uri"));
    const own = this.denies
      ? { error: "access_denied" }
      : (this.#habits.authorize?.(parameters) ?? { code: this.code(parameters) });
    for (const [name, value] of Object.entries({ state: parameters.get("state"), ...own })) {
      back.searchParams.set(name, value);
    }
    response.writeHead(302, { location: back.href });
    response.end();
  }

  /** A code that is good for what was asked for. */
  code(parameters) {
    const code = randomUUID();
    this.#codes.set(code, parameters.get("scope") ?? "");
    return code;
  }

  #token(form, response) {
    const kind = form.get("grant_type");
    if (kind === "refresh_token") this.counts.refresh += 1;
    this.#asked.set(kind, (this.#asked.get(kind) ?? 0) + 1);
    const own = this.#habits.token?.(form, this.#asked.get(kind));
    if (own) return this.#send(response, own);
    const renewed = this.#refreshes.get(form.get("refresh_token"));
    const granted = kind === "refresh_token" ? renewed : (this.#codes.get(form.get("code")) ?? form.get("scope") ?? "");
    if (granted === undefined) return this.#send(response, { body: { error: "invalid_grant" }, status: 400 });
    const token = this.grant(granted);
    return this.#send(response, this.#habits.grant?.(token, form) ?? { body: token });
  }

  /** A valid token. */
  grant(scope = "") {
    const [token, refresh] = [randomUUID(), randomUUID()];
    this.#tokens.set(token, scope);
    this.#refreshes.set(refresh, scope);
    return { access_token: token, expires_in: 3600, refresh_token: refresh, token_type: "bearer" };
  }

  #serve(request, response, body, json) {
    const { headers, method } = request;
    const [, token] = /^Bearer (.*)$/.exec(headers.authorization ?? "") ?? [];
    const scope = this.#tokens.get(token);
    if (scope === undefined) return json({}, 401, this.#challenge());
    const session = headers["mcp-session-id"];
    if (session !== undefined && !this.#sessions.has(session)) return json({}, 404);
    if (method === "POST") return this.#converse(JSON.parse(body), scope.split(" "), response, json);
    if (method === "GET" && this.#habits.streams) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": open\n\n");
      return this.streams.add(response);
    }
    return json({}, method === "DELETE" ? 200 : 405);
  }

  #challenge() {
    const metadata = `${this.origin}/.well-known/oauth-protected-resource/mcp`;
    const own = this.#habits.challenge?.(this);
    if (own === null) return {};
    return { "www-authenticate": own ?? `Bearer resource_metadata="${metadata}"` };
  }

  #converse(message, scopes, response, json) {
    if (message.id === undefined) return response.writeHead(202).end();
    const own = this.#habits.serve?.(message, scopes);
    if (own) return this.#send(response, own);
    const { id, method } = message;
    if (method !== "initialize") return json({ id, jsonrpc: "2.0", result: {} });
    const result = { capabilities: {}, protocolVersion: "2025-11-25", serverInfo: { name: "g", version: "1" } };
    if (!this.#habits.streams) return json({ id, jsonrpc: "2.0", result });
    const session = randomUUID();
    this.#sessions.add(session);
    return json({ id, jsonrpc: "2.0", result }, 200, { "mcp-session-id": session });
  }
}
