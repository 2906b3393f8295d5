"use strict";
// Makes an SDK server answer by asking an SDK client; both may be v1 or v2. Messages use the fallback handlers and
// bypass the schemas of both, so that the other side also gets what the SDKs do not know.
const addon = require("./addon.js");
const { report } = require("./promises.js");
const { getUpstreamBridge } = require("./upstream_bridge.js");
const { MODERN } = require("./vocabulary.js");

/** Accepts every result unchanged; either SDK takes it for a schema. */
const ANY_RESULT = {
  parse: (data) => data,
  safeParse: (data) => ({ data, success: true }),
  "~standard": { validate: (value) => ({ value }), vendor: "mcp-proxy", version: 1 },
};

const rpcError = (code, message, data) => Object.assign(new Error(message), { code, data });

/** The receivers of progress for each token, on each transport. */
const progressListeners = new WeakMap();

const progressTokens = new addon.NativeProgressTokens();

/** The listeners of a transport. They are called before the SDK, so they see everything, in the order of arrival. */
const progressListenersOf = (transport) => {
  let listeners = progressListeners.get(transport);
  if (listeners) return listeners;
  progressListeners.set(transport, (listeners = new Map()));
  const { onmessage } = transport;
  transport.onmessage = (message, ...rest) => {
    const listener = message.method === "notifications/progress" && listeners.get(message.params?.progressToken);
    if (listener) listener(message.params);
    else onmessage?.call(transport, message, ...rest);
  };
  return listeners;
};

/** Params for the upstream with a token of ours; progress is passed on with the client's token. */
const relayProgress = (transport, params, notify) => {
  const progressToken = params?._meta?.progressToken;
  if (progressToken === undefined || !transport) return { done: () => {}, params };
  const listeners = progressListenersOf(transport);
  const token = progressTokens.begin(JSON.stringify(progressToken));
  let sent = Promise.resolve();
  listeners.set(token, (received) => {
    const own = { ...received, progressToken: JSON.parse(progressTokens.restore(token)) };
    const notification = { method: "notifications/progress", params: own };
    const sending = notify(notification).catch(report("forwarding progress"));
    sent = sent.then(() => sending);
  });
  const done = () => {
    listeners.delete(token);
    progressTokens.end(token);
    return sent;
  };
  return { done, params: { ...params, _meta: { ...params._meta, progressToken: token } } };
};

/** An error of the upstream as it was sent: the v1 client puts its code before the message. */
const asSent = (client, error) => {
  const prefix = `MCP error ${error?.code}: `;
  if (client.getProtocolEra || !error?.message?.startsWith(prefix)) return error;
  return rpcError(error.code, error.message.slice(prefix.length), error.data);
};

const messageOf = (method, params) => (params === undefined ? { method } : { method, params });

/** Without the id of the upstream's listen stream, which means nothing on this side. */
const untagged = (notification) =>
  notification.params?._meta
    ? JSON.parse(addon.untagged(JSON.stringify({ jsonrpc: "2.0", ...notification })))
    : notification;

/** Sends a client's request to the upstream; settles when the answer may be sent. */
const forward = async ({ client, requestTimeout }, { method, params }, extra) => {
  const { notify = extra.sendNotification, signal = extra.signal } = extra.mcpReq ?? {};
  const progress = relayProgress(client.transport, params, notify);
  const timeout = requestTimeout && { timeout: requestTimeout };
  try {
    return await client.request(messageOf(method, progress.params), ANY_RESULT, { signal, ...timeout });
  } finally {
    await progress.done();
  }
};

/** Passes on the upstream's notifications that this connection may get. */
const deliver = (server, notification) => {
  // A 2026-07-28 client gets it on its own listen streams.
  if (!server.transport || server.getNegotiatedProtocolVersion?.() >= MODERN) return;
  server.notification(untagged(notification)).catch(report("forwarding upstream notification"));
};

/** Registers the handlers of `server`, and releases its share of the upstream when it closes. */
const proxyServer = async ({ client, requestTimeout, server: given, serverCapabilities }) => {
  // An `McpServer` keeps the actual server in a member.
  const server = given?.server ?? given;
  if (typeof server?.removeRequestHandler !== "function") {
    throw new TypeError('option "server" must be a server of an MCP SDK');
  }
  const gate = new addon.NativeGate(JSON.stringify(serverCapabilities ?? {}));
  const lease = getUpstreamBridge({ client, requestTimeout }).subscribe({
    anyNotification: (method, params) => lease.entitles(method, params) && deliver(server, messageOf(method, params)),
  });
  const answers = {
    forward: (request, extra) => forward({ client, requestTimeout }, request, extra),
    setLevel: ({ params }) => lease.setLevel(params?.level),
    subscribe: ({ params }) => lease.addResourceSubscription(params.uri),
    unsubscribe: ({ params }) => lease.removeResourceSubscription(params.uri),
  };

  const { fallbackRequestHandler, onclose } = server;
  for (const method of gate.methods()) server.removeRequestHandler(method);
  server.fallbackRequestHandler = async (request, extra) => {
    const answer = answers[gate.request(request.method, typeof request.params?.uri === "string")];
    if (!answer && fallbackRequestHandler) return fallbackRequestHandler(request, extra);
    if (!answer) throw rpcError(-32601, "Method not found");
    try {
      return (await answer(request, extra)) ?? {};
    } catch (error) {
      throw asSent(client, error);
    }
  };
  server.fallbackNotificationHandler = async ({ method, params }) => {
    if (addon.passesNotification(method)) await client.notification(messageOf(method, params));
  };
  server.onclose = () => {
    lease.release();
    onclose?.call(server);
  };
};

module.exports = { proxyServer };
