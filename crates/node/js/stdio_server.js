"use strict";
// Serves a remote MCP server on this process's stdin and stdout, with objects of the SDK that the caller
// has installed. None of them is a dependency of this package, so they are looked up when they are needed.
const { dirname } = require("node:path");

const { proxyServer } = require("./proxy_server.js");
const { ServerType, resolveVersionNegotiation } = require("./vocabulary.js");

/** Where the classes are in each SDK. */
const SDKS = {
  v1: {
    Client: "@modelcontextprotocol/sdk/client/index.js",
    SSEClientTransport: "@modelcontextprotocol/sdk/client/sse.js",
    Server: "@modelcontextprotocol/sdk/server/index.js",
    StdioServerTransport: "@modelcontextprotocol/sdk/server/stdio.js",
    StreamableHTTPClientTransport: "@modelcontextprotocol/sdk/client/streamableHttp.js",
  },
  v2: {
    Client: "@modelcontextprotocol/client",
    SSEClientTransport: "@modelcontextprotocol/client",
    Server: "@modelcontextprotocol/server",
    StdioServerTransport: "@modelcontextprotocol/server/stdio",
    StreamableHTTPClientTransport: "@modelcontextprotocol/client",
  },
};

/** Imported from here it is the copy that an ES module of the caller has, unless the installer keeps them apart. */
const loadModule = (name) =>
  import(name).catch((error) => {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return require(require.resolve(name, { paths: [dirname(process.argv[1] ?? "."), process.cwd()] }));
  });

/** The classes of the SDK that `client` is of, or of an SDK that is there. */
const loadSdk = async (client) => {
  const majors = !client || client.getProtocolEra ? ["v2", "v1"] : ["v1", "v2"];
  for (const major of majors) {
    try {
      const loading = Object.entries(SDKS[major]).map(async ([name, module]) => [
        name,
        (await loadModule(module))[name],
      ]);
      return Object.fromEntries(await Promise.all(loading));
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new Error(
    "startStdioServer needs an MCP SDK: install @modelcontextprotocol/client and @modelcontextprotocol/server, or @modelcontextprotocol/sdk",
  );
};

const defaultServer = ({ Server }, client) => {
  const [capabilities, instructions] = [client.getServerCapabilities(), client.getInstructions()];
  return new Server(client.getServerVersion(), { capabilities, instructions });
};

const startStdioServer = async ({
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
    closeWithStdin(server.server ?? server, client);
    await server.connect(new sdk.StdioServerTransport());
    return server;
  } catch (error) {
    await client.close().catch(() => {});
    throw error;
  }
};

/** When stdin ends there is nobody left to serve; without the client nothing keeps the process. */
const closeWithStdin = (server, client) => {
  const { onclose } = server;
  const logFailure = (error) => console.error("[mcp-proxy] error closing", error);
  server.onclose = () => {
    client.close().catch(logFailure);
    onclose?.call(server);
  };
  process.stdin.once("end", () => server.close().catch(logFailure));
};

module.exports = { startStdioServer };
