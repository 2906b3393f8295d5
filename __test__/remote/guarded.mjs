// A server that wants tokens, and the server that grants them, in one.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

export class Guarded {
  counts = { authorize: 0, refresh: 0, register: 0 };
  denies = false;
  #server;
  #tokens = new Set();

  async open() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
    this.url = `${this.origin}/mcp`;
  }

  /** No token that was granted so far is good any more. */
  revoke() {
    this.#tokens.clear();
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.origin);
    const body = await text(request);
    const json = (value, status = 200, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(value));
    };
    const { origin } = this;
    switch (pathname) {
      case "/.well-known/oauth-authorization-server":
        return json({
          authorization_endpoint: `${origin}/authorize`,
          code_challenge_methods_supported: ["S256"],
          issuer: origin,
          registration_endpoint: `${origin}/register`,
          token_endpoint: `${origin}/token`,
        });
      case "/.well-known/oauth-protected-resource/mcp":
        return json({ authorization_servers: [origin], resource: this.url });
      case "/authorize": {
        this.counts.authorize += 1;
        const back = new URL(searchParams.get("redirect_uri"));
        back.searchParams.set(this.denies ? "error" : "code", this.denies ? "access_denied" : "c");
        back.searchParams.set("state", searchParams.get("state"));
        response.writeHead(302, { location: back.href });
        return response.end();
      }
      case "/mcp":
        return this.#serve(request, response, body, json);
      case "/register":
        this.counts.register += 1;
        return json({ client_id: "registered" }, 201);
      case "/token":
        if (new URLSearchParams(body).get("grant_type") === "refresh_token") this.counts.refresh += 1;
        return json(this.#grant());
      default:
        return json({}, 404);
    }
  }

  #grant() {
    const token = randomUUID();
    this.#tokens.add(token);
    return { access_token: token, expires_in: 3600, refresh_token: randomUUID(), token_type: "bearer" };
  }

  #serve({ headers, method }, response, body, json) {
    const metadata = `${this.origin}/.well-known/oauth-protected-resource/mcp`;
    const [, token] = /^Bearer (.*)$/.exec(headers.authorization ?? "") ?? [];
    if (!this.#tokens.has(token)) {
      return json({}, 401, { "www-authenticate": `Bearer resource_metadata="${metadata}"` });
    }
    if (method !== "POST") return json({}, 405);
    const message = JSON.parse(body);
    if (message.id === undefined) return response.writeHead(202).end();
    const greeting = { capabilities: {}, protocolVersion: "2025-11-25", serverInfo: { name: "g", version: "1" } };
    return json({ id: message.id, jsonrpc: "2.0", result: message.method === "initialize" ? greeting : {} });
  }
}
