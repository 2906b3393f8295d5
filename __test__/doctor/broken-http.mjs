// A small MCP server over Streamable HTTP with one fault; see urls.spec.mjs.
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";

const CORS = {
  "access-control-allow-headers": "content-type, mcp-session-id, mcp-protocol-version, authorization",
  "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
  "access-control-allow-origin": "*",
};

const tool = {
  name: "echo",
  description: "Says it again.",
  inputSchema: { type: "object", properties: { text: { type: "string" } } },
};

const results = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "broken", version: "1.0.0" },
  }),
  "tools/list": () => ({ tools: [tool] }),
  ping: () => ({}),
};

const json = (response, status, value, headers = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...CORS, ...headers });
  response.end(value === undefined ? undefined : JSON.stringify(value));
};

const page = (response, status, text) => {
  response.writeHead(status, { "content-type": "text/html" });
  response.end(`<html>${text}</html>`);
};

const read = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? {} : JSON.parse(text);
};

/** Answers a message as a correct server does. */
const answer = (response, { id, method, params }, type = "application/json") => {
  if (id === undefined) return json(response, 202);
  const result = results[method]?.(params);
  const error = { code: -32601, message: "Method not found" };
  return json(response, 200, { jsonrpc: "2.0", id, ...(result ? { result } : { error }) }, { "content-type": type });
};

const stream = (response, headers = {}) => {
  response.writeHead(200, { "content-type": "text/event-stream", ...CORS, ...headers });
  response.write(": here\n\n");
};

/** What a mode does with a request; `false` leaves it to the correct server. */
const modes = {
  healthy: () => false,
  html: (request, response) => page(response, 200, "welcome"),
  "not-found": (request, response) => page(response, 404, "not found"),
  "other-path": (request, response) => (request.url === "/mcp" ? false : page(response, 404, "not found")),
  "moves-away": (request, response) => json(response, 302, undefined, { location: "https://example.com/mcp" }),
  moves: (request, response) =>
    request.url === "/mcp/new" ? false : json(response, 308, undefined, { location: "/mcp/new" }),
  "bad-gateway": (request, response) => page(response, 502, "bad gateway"),
  "refuses-host": (request, response) => page(response, 403, "Invalid Host header"),
  "refuses-notifications": (request, response, message) =>
    message.method === "notifications/initialized" ? json(response, 400, { error: "no" }) : false,
  "wrong-type": (request, response, message) =>
    request.method === "POST" && message.method === "initialize"
      ? (answer(response, message, "text/plain"), true)
      : false,
  unauthorized: (request, response) => json(response, 401, { error: "unauthorized" }),
  "bad-resource": (request, response) => {
    const base = `http://${request.headers.host}`;
    if (request.url.startsWith("/.well-known/oauth-protected-resource")) {
      return json(response, 200, { resource: "https://example.com/other", authorization_servers: [base] });
    }
    return described(request, response, base);
  },
  described: (request, response) => {
    const base = `http://${request.headers.host}`;
    if (request.url.startsWith("/.well-known/oauth-protected-resource")) {
      return json(response, 200, { resource: `${base}/mcp`, authorization_servers: [base] });
    }
    return described(request, response, base);
  },
  "cuts-streams": (request, response) => {
    if (request.method !== "GET") return false;
    stream(response);
    setTimeout(() => response.destroy(), 2500);
    return true;
  },
  "holds-streams": (request) => request.method === "GET",
  "compresses-streams": (request, response) => {
    if (request.method !== "GET") return false;
    stream(response, { "content-encoding": "gzip" });
    return true;
  },
};

/** The documents about signing in, and 401 for everything else. */
const described = (request, response, base) => {
  if (request.url === "/.well-known/oauth-authorization-server") {
    return json(response, 200, {
      issuer: base,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      code_challenge_methods_supported: ["S256"],
    });
  }
  const challenge = `Bearer resource_metadata="${base}/.well-known/oauth-protected-resource"`;
  return json(response, 401, { error: "unauthorized" }, { "www-authenticate": challenge });
};

/** Serves a mode on a port of the system's choice; `tls` has the key and the certificate, if there is one. */
export const serve = async (mode, tls) => {
  const handle = async (request, response) => {
    if (request.method === "OPTIONS") return json(response, 204);
    const message = await read(request);
    if (modes[mode](request, response, message) !== false) return undefined;
    if (request.method === "POST") return answer(response, message);
    return json(response, 405, { error: "no stream here" });
  };
  const server = tls ? createHttpsServer(tls, handle) : createHttpServer(handle);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { port, close };
};
