"use strict";
// Makes an SDK server answer by asking an SDK client, each of v1 or v2. Messages go through the fallbacks
// and past the schemas of both, so that what the SDKs do not know reaches the other side as well.
const addon = require("./addon.js");
const { getUpstreamBridge } = require("./upstream_bridge.js");

/** Accepts every result as it is; a schema to either SDK. */
const ANY_RESULT = {
  parse: (data) => data,
  safeParse: (data) => ({ data, success: true }),
  "~standard": { validate: (value) => ({ value }), vendor: "mcp-proxy", version: 1 },
};

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";

const rpcError = (code, message, data) => Object.assign(new Error(message), { code, data });

const report = (what) => (error) => console.error(`[mcp-proxy] error ${what}`, error);

/** Progress tokens in use on each transport, and who waits for their notifications. */
const progressListeners = new WeakMap();

/** Far from the message ids that the SDKs use as tokens of their own. */
let nextProgressToken = 2 ** 30;

/** The listeners of a transport. They are told before the SDK is, so in the order of the wire, and of everything. */
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

/** Params for the upstream with a token of ours, whose progress goes on under the token of the downstream. */
const relayProgress = (transport, params, notify) => {
  const progressToken = params?._meta?.progressToken;
  if (progressToken === undefined || !transport) return { done: () => {}, params };
  const listeners = progressListenersOf(transport);
  const token = nextProgressToken++;
  let sent = Promise.resolve();
  listeners.set(token, (received) => {
    const notification = { method: "notifications/progress", params: { ...received, progressToken } };
    const sending = notify(notification).catch(report("forwarding progress"));
    sent = sent.then(() => sending);
  });
  const done = () => {
    listeners.delete(token);
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

/** Sends a request of the downstream upstream; settles when the answer may be sent. */
const forward = async ({ client, requestTimeout }, { method, params }, extra) => {
  const { notify = extra.sendNotification, signal = extra.signal } = extra.mcpReq ?? {};
  const progress = relayProgress(client.transport, params, notify);
  const timeout = requestTimeout && { timeout: requestTimeout };
  try {
    return await client.request(messageOf(method, progress.params), ANY_RESULT, { signal, ...timeout });
  } catch (error) {
    throw asSent(client, error);
  } finally {
    await progress.done();
  }
};

/** Without the mark of the upstream's listen stream, which means nothing on this side. */
const withoutSubscriptionId = (params) => {
  if (params?._meta?.[SUBSCRIPTION_ID] === undefined) return params;
  const { _meta, ...rest } = params;
  const { [SUBSCRIPTION_ID]: _, ...meta } = _meta;
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest;
};

/** The notifications of the upstream that this connection is entitled to. */
const notificationSink = (server, wants) => {
  const deliver = (method, params) => {
    // A 2026-07-28 client gets them on its own listen streams.
    if (!server.transport || server.getNegotiatedProtocolVersion?.() >= "2026-07-28") return;
    const sending = server.notification(messageOf(method, withoutSubscriptionId(params)));
    sending.catch(report("forwarding upstream notification"));
  };
  const deliverAs = (method) => (params) => deliver(method, params);
  return {
    loggingMessage: (params) => wants.level(params.level) && deliver("notifications/message", params),
    otherNotification: (params, method) => method.startsWith("notifications/tasks/") || deliver(method, params),
    promptsListChanged: deliverAs("notifications/prompts/list_changed"),
    resourceUpdated: (params) => wants.resource(params.uri) && deliver("notifications/resources/updated", params),
    resourcesListChanged: deliverAs("notifications/resources/list_changed"),
    toolsListChanged: deliverAs("notifications/tools/list_changed"),
  };
};

/** Registers what `server` answers, and the release of its share of the upstream when it closes. */
const proxyServer = async ({ client, requestTimeout, server: given, serverCapabilities }) => {
  // An `McpServer` keeps the server proper in a member.
  const server = given.server ?? given;
  const gate = new addon.NativeGate(JSON.stringify(serverCapabilities ?? {}));
  const lease = getUpstreamBridge({ client, requestTimeout }).subscribe(
    notificationSink(server, {
      level: (level) => gate.admits(String(level)),
      resource: (uri) => lease.owns(uri),
    }),
  );

  const answers = {
    "logging/setLevel": ({ params }) => {
      const wrong = gate.setLevel(String(params?.level));
      if (wrong) throw rpcError(-32602, wrong);
    },
    "resources/subscribe": ({ params }) => lease.addResourceSubscription(params.uri),
    "resources/unsubscribe": ({ params }) => lease.removeResourceSubscription(params.uri),
  };

  const { fallbackRequestHandler, onclose } = server;
  for (const method of gate.methods()) server.removeRequestHandler(method);
  server.fallbackRequestHandler = async (request, extra) => {
    if (!gate.serves(request.method)) {
      if (fallbackRequestHandler) return fallbackRequestHandler(request, extra);
      throw rpcError(-32601, "Method not found");
    }
    // Without a URI the upstream has the right words for it.
    const isAnswered = request.method === "logging/setLevel" || typeof request.params?.uri === "string";
    const answer = isAnswered && answers[request.method];
    if (!answer) return forward({ client, requestTimeout }, request, extra);
    try {
      await answer(request);
      return {};
    } catch (error) {
      throw asSent(client, error);
    }
  };
  server.fallbackNotificationHandler = async ({ method, params }) => {
    // The upstream was told of no roots and started no tasks.
    if (/^notifications\/(roots|tasks)\//.test(method)) return;
    await client.notification(messageOf(method, params));
  };
  server.onclose = () => {
    lease.release();
    onclose?.call(server);
  };
};

module.exports = { proxyServer };
