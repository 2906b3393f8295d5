// One contestant in Node: a server with the tool `echo`, served by a package, in a process of its own.
//
//   node server.mjs PACKAGE v1|v2 PORT          createServer, with a server of that SDK
//   node server.mjs PACKAGE upstream PORT ECHO  the stdio server ECHO
//   node server.mjs PACKAGE stdio URL           the remote server at URL, on stdin and stdout
//
// PACKAGE is `ours`, `bare`, or the name of an npm package.
import { createServer } from "./servers.mjs";

const PACKAGES = { bare: "./bare.mjs", ours: "../../index.js" };
const SDKS = {
  v1: ["client/index.js", "client/stdio.js", "server/index.js"].map((file) => `@modelcontextprotocol/sdk/${file}`),
  v2: ["client", "client/stdio", "server"].map((file) => `@modelcontextprotocol/${file}`),
};

const [name, kind, place, echo] = process.argv.slice(2);
const mcpProxy = await import(PACKAGES[name] ?? name);
const sdk = name.endsWith("-v1") ? "v1" : "v2";
const load = (module) => import(module);

/** The stdio server behind the original: by an SDK client and `proxyServer`, as its command line has it. */
const proxied = async () => {
  const { Client, Server, StdioClientTransport } = Object.assign({}, ...(await Promise.all(SDKS[sdk].map(load))));
  const client = new Client({ name: "bench", version: "1.0.0" });
  await client.connect(new StdioClientTransport({ command: echo }));
  const serverCapabilities = client.getServerCapabilities();
  return async () => {
    const server = new Server(client.getServerVersion(), { capabilities: serverCapabilities });
    await mcpProxy.proxyServer({ client, server, serverCapabilities });
    return server;
  };
};

const served = async () => {
  if (kind !== "upstream") return { createServer: await createServer(kind) };
  return name === "ours" ? { upstream: { command: echo } } : { createServer: await proxied() };
};

if (kind === "stdio") {
  await mcpProxy.startStdioServer({ serverType: mcpProxy.ServerType.HTTPStream, url: place });
} else {
  // Lines for people are not part of the measured work.
  console.log = () => {};
  await mcpProxy.startHTTPServer({ host: "127.0.0.1", port: Number(place), ...(await served()) });
}
