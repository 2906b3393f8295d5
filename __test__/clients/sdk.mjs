// A common interface for the two TypeScript SDKs, so that a scenario is written once.
//
// A `Peer` is a connected client together with what crossed its connection: `received` and `sent`
// are the JSON-RPC messages at the transport, in wire order. Scenarios assert order there and not
// in an SDK's callbacks, which v2 calls a microtask late.

import * as v2 from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";

import { Journal } from "../support/journal.mjs";
import { Wire } from "./wire.mjs";

const v1 = { Client, SSEClientTransport, StreamableHTTPClientTransport };
/** v1 needs a schema instead of a method's name. */
const QUESTIONS = {
  "elicitation/create": ElicitRequestSchema,
  "roots/list": ListRootsRequestSchema,
  "sampling/createMessage": CreateMessageRequestSchema,
};
const IDENTITY = { name: "mcp-proxy-tests", version: "1.0.0" };

export const sdks = [
  {
    answer: (client, method, handler) => client.setRequestHandler(QUESTIONS[method], handler),
    callTool: (client, call, options) => client.callTool(call, undefined, options),
    name: "TypeScript SDK v1",
    sdk: v1,
  },
  {
    answer: (client, method, handler) => client.setRequestHandler(method, handler),
    callTool: (client, call, options) => client.callTool(call, options),
    name: "TypeScript SDK v2",
    sdk: v2,
  },
];

export class Peer {
  received = new Journal();
  sent = new Journal();
  wire = new Wire();
  #callTool;

  /**
   * Connects a new client of `sdk` to `url`; the path says which transport it speaks. `answers` are
   * the client's answers to what a server may ask, by method.
   */
  static async connect({ answer, callTool, sdk }, url, { answers = {}, clientOptions, headers } = {}) {
    const peer = new Peer();
    peer.#callTool = callTool;
    peer.client = new sdk.Client(IDENTITY, clientOptions);
    for (const [method, handler] of Object.entries(answers)) answer(peer.client, method, handler);
    const Transport = new URL(url).pathname === "/sse" ? sdk.SSEClientTransport : sdk.StreamableHTTPClientTransport;
    peer.transport = new Transport(new URL(url), {
      fetch: peer.wire.fetch,
      // Patient enough that a stream the proxy has not yet seen drop cannot exhaust the attempts.
      reconnectionOptions: {
        initialReconnectionDelay: 10,
        maxReconnectionDelay: 200,
        maxRetries: 50,
        reconnectionDelayGrowFactor: 1.5,
      },
      requestInit: { headers },
    });
    peer.#record();
    await peer.client.connect(peer.transport);
    return peer;
  }

  callTool(name, args = {}, options = undefined) {
    return this.#callTool(this.client, { arguments: args, name }, options);
  }

  /** The text of a tool's one text block. */
  async callText(name, args, options) {
    const result = await this.callTool(name, args, options);
    return result.content[0].text;
  }

  /** Resolves once messages the server sends on its own can reach this client. */
  async listening() {
    if (this.transport.sessionId === undefined) return;
    await this.wire.exchanges.first(({ method, status }) => method === "GET" && status === 200, "the open GET stream");
  }

  notifications(method) {
    return this.received.entries.filter((message) => message.method === method).map(({ params }) => params);
  }

  async close() {
    await this.client.close();
  }

  #record() {
    const { transport } = this;
    const send = transport.send.bind(transport);
    transport.onmessage = (message) => this.received.push(structuredClone(message));
    transport.send = (message, options) => {
      this.sent.push(structuredClone(message));
      return send(message, options);
    };
  }
}
