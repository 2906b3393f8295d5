"use strict";
// The SDK that the caller has installed. Neither is a dependency of this package, so they are loaded when they are
// needed.
const { dirname } = require("node:path");

/** Where each SDK has the classes. */
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

/** Imported from here, it is the copy that the caller's ES modules use, unless the installer separates them. */
const loadModule = (name) =>
  import(name).catch((error) => {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return require(require.resolve(name, { paths: [dirname(process.argv[1] ?? "."), process.cwd()] }));
  });

/** The classes of the client's SDK, or of an installed SDK. */
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

module.exports = { loadModule, loadSdk };
