"use strict";
// Serves a remote MCP server on this process's stdin and stdout with objects of the caller's SDK: those that hooks
// created, or with options that only they support.
const { PassThrough } = require("node:stream");

const addon = require("./addon.js");
const { report } = require("./promises.js");
const { proxyServer } = require("./proxy_server.js");
const { loadSdk } = require("./sdk.js");
const { tapTransport } = require("./tap_transport.js");
const { ServerType, resolveVersionNegotiation } = require("./vocabulary.js");

/** An id as it is spelled in JSON. */
const rawId = (id) => JSON.stringify(id);

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
  const calls = new addon.NativeOpenCalls();
  const endIfOver = () => {
    if (calls.isOver()) server.close().catch(report("closing"));
  };
  // The SDK's transports close as soon as the input ends, even with open requests, so they must not see that.
  const input = process.stdin.pipe(new PassThrough(), { end: false });
  process.stdin.once("end", () => {
    calls.inputEnded();
    // By then the last of the input was read.
    setImmediate(endIfOver);
  });
  const { onclose } = server;
  server.onclose = () => {
    process.stdin.unpipe(input).pause();
    client.close().catch(report("closing"));
    onclose?.call(server);
  };
  return tapTransport(new StdioServerTransport(input), ({ message, type }) => {
    const { id, method, params } = message ?? {};
    if (type === "onmessage") calls.received(rawId(id), method, rawId(params?.requestId));
    else if (type === "send" && !method) calls.answered(rawId(id));
    // Also after it was sent.
    if (calls.isOver()) setImmediate(endIfOver);
  });
};

module.exports = { startSdkStdioServer };
