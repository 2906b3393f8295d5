// The everything servers over HTTP on the SDKs' own transports, with no proxy: what they pass is the ceiling.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import { toNodeHandler } from "@modelcontextprotocol/node";
import { WebStandardStreamableHTTPServerTransport as LegacySdkTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  InMemoryServerEventBus,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";

import { everythingServer } from "../fixtures/everything/legacy-server.mjs";
import { everythingFactory } from "../fixtures/everything/modern-server.mjs";

const RETRY_MS = 500;

/** The dual-era server: 2026-07-28 per request, the older revisions in sessions. */
export function serveModern() {
  const bus = new InMemoryServerEventBus();
  const factory = everythingFactory(bus);
  const modern = createMcpHandler(factory, { bus, legacy: "reject" });
  const legacy = sessions(WebStandardStreamableHTTPServerTransport, () => factory({ era: "legacy" }));
  return listen(async (request) => ((await isLegacyRequest(request)) ? legacy(request) : modern.fetch(request)));
}

/** The 2025-only server. */
export function serveLegacy() {
  return listen(sessions(LegacySdkTransport, everythingServer));
}

async function listen(answer) {
  const fetch = (request) =>
    hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
    originValidationResponse(request, localhostAllowedOrigins()) ??
    answer(request);
  const http = createServer(toNodeHandler({ fetch: async (request) => fetch(request) }));
  await once(http.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${http.address().port}/mcp`,
    close: () => {
      http.close();
      http.closeAllConnections();
    },
  };
}

/** A fetch-shaped endpoint with one transport and one server per 2025 session. */
function sessions(Transport, createSessionServer) {
  const open = new Map();
  return async (request) => {
    const id = request.headers.get("mcp-session-id");
    if (id && !open.has(id)) return sessionNotFound();
    if (id) return open.get(id).handleRequest(request);
    const transport = new Transport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (created) => void open.set(created, transport),
      onsessionclosed: (closed) => void open.delete(closed),
      eventStore: new EventLog(),
      retryInterval: RETRY_MS,
    });
    await createSessionServer().connect(transport);
    return transport.handleRequest(request);
  };
}

const sessionNotFound = () =>
  Response.json({ jsonrpc: "2.0", error: { code: -32001, message: "Session not found" }, id: null }, { status: 404 });

/** Events of one session, in memory; the id names the stream and the place in the log. */
class EventLog {
  #events = [];

  async storeEvent(stream, message) {
    return `${this.#events.push({ stream, message }) - 1}_${stream}`;
  }

  async getStreamIdForEventId(id) {
    return id.slice(id.indexOf("_") + 1);
  }

  async replayEventsAfter(lastId, { send }) {
    const stream = await this.getStreamIdForEventId(lastId);
    for (const [place, event] of this.#events.entries()) {
      const isLater = place > Number.parseInt(lastId, 10) && event.stream === stream;
      if (isLater && Object.keys(event.message).length > 0) await send(`${place}_${stream}`, event.message);
    }
    return stream;
  }
}
