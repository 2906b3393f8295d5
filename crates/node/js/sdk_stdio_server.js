"use strict";
// Serves a remote MCP server on this process's stdin and stdout with objects of the caller's SDK: those that hooks
// created, or with options that only they support.
const { PassThrough } = require("node:stream");

const { report } = require("./promises.js");
const { proxyServer } = require("./proxy_server.js");
const { loadSdk } = require("./sdk.js");
const { tapTransport } = require("./tap_transport.js");
const { ServerType, resolveVersionNegotiation } = require("./vocabulary.js");

const defaultServer = ({ Server }, client) => {
  const [capabilities, instructions] = [client.getServerCapabilities(), client.getInstructions()];
  return new Server(client.getServerVersion(), { capabilities, instructions });
};

const startSdkStdioServer = async ({
  initStdioServer,
  initStreamClient,
  serverType,
  transportOptions = {},
  upstreamProtocol,
  url,
}) => {
  const address = new URL(url);
  const given = await initStreamClient?.();
  const sdk = await loadSdk(given);
  const versionNegotiation = resolveVersionNegotiation(upstreamProtocol);
  const client =
    given ?? new sdk.Client({ name: "mcp-proxy", version: "1.0.0" }, { capabilities: {}, versionNegotiation });
  const { SSEClientTransport, StreamableHTTPClientTransport } = sdk;
  const ClientTransport = serverType === ServerType.SSE ? SSEClientTransport : StreamableHTTPClientTransport;
  await client.connect(new ClientTransport(address, transportOptions));
  try {
    const server = (await initStdioServer?.()) ?? defaultServer(sdk, client);
    await proxyServer({ client, server, serverCapabilities: client.getServerCapabilities() });
    await server.connect(stdioTransport(sdk, server.server ?? server, client));
    return server;
  } catch (error) {
    await client.close().catch(() => {});
    throw error;
  }
};

/**
 * A transport on stdin and stdout. When stdin ends and everything is answered, it closes everything, and the process
 * may end.
 */
const stdioTransport = ({ StdioServerTransport }, server, client) => {
  const unanswered = new Set();
  let hasEnded = false;
  const endIfAnswered = () => {
    if (hasEnded && unanswered.size === 0) server.close().catch(report("closing"));
  };
  // The SDK's transports close as soon as the input ends, even with open requests, so they must not see that.
  const input = process.stdin.pipe(new PassThrough(), { end: false });
  process.stdin.once("end", () => {
    hasEnded = true;
    // By then the last of the input was read.
    setImmediate(endIfAnswered);
  });
  const { onclose } = server;
  server.onclose = () => {
    process.stdin.unpipe(input).pause();
    client.close().catch(report("closing"));
    onclose?.call(server);
  };
  return tapTransport(new StdioServerTransport(input), ({ message, type }) => {
    if (type === "onmessage" && message.method) {
      if (message.id !== undefined) unanswered.add(message.id);
      else if (message.method === "notifications/cancelled") unanswered.delete(message.params?.requestId);
    } else if (type === "send" && !message.method) {
      unanswered.delete(message.id);
    }
    // Also after it was sent.
    if (hasEnded) setImmediate(endIfAnswered);
  });
};

module.exports = { startSdkStdioServer };
