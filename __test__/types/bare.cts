// No SDK is installed here. What the package adds, and what its types refuse.
import mcpProxy = require("mcp-proxy");

const { replayTransport, ServerType, startHTTPServer, startStdioServer } = mcpProxy;

export const main = async (): Promise<void> => {
  const server = await startHTTPServer({
    allowedHosts: ["proxy.example.com"],
    modern: "strict",
    normalizeCharset: false,
    port: 0,
    tunnel: { subdomain: "mine" },
    upstream: { args: ["server.js"], command: "node", cwd: "/", env: { A: "b" }, shell: false },
  });
  const port: number = server.port;
  const url: string | undefined = server.tunnel?.url;
  console.log(port, url);

  await startHTTPServer({
    createServer: async (request) => ({
      close: async () => {},
      connect: async (transport) => {
        transport.onmessage = (message) => console.log("method" in message && message.method, request.url);
        await transport.start();
      },
    }),
    port,
  });

  await startHTTPServer({ port, record: "traffic.jsonl", upstream: { command: "node" } });
  await startHTTPServer({ port, record: { file: "t", maxFiles: 2, redact: ["pin"] }, upstream: { command: "node" } });
  // @ts-expect-error: a recording has a file
  await startHTTPServer({ port, record: { maxFiles: 2 }, upstream: { command: "node" } });
  const replay = replayTransport("traffic.jsonl", { mayDiffer: ["@timestamp"], speed: 1 });
  replay.onmessage = (message) => console.log(message);
  await replay.start();

  await startHTTPServer({ config: "cursor" });
  await startHTTPServer({
    config: { mcpServers: { a: { command: "node", "mcp-proxy": { lazy: true } }, b: { url: "https://h/mcp" } } },
    port,
  });
  // @ts-expect-error: a file, or not
  await startHTTPServer({ config: "cursor", upstream: { command: "node" } });
  // @ts-expect-error: servers have names
  await startHTTPServer({ config: { mcpServers: [] } });

  // @ts-expect-error: one of createServer and upstream is needed
  await startHTTPServer({ port });
  // @ts-expect-error: but not both
  await startHTTPServer({ createServer: async () => server, port, upstream: { command: "node" } });
  // @ts-expect-error: a server can be connected
  await startHTTPServer({ createServer: async () => ({ close: async () => {} }), port });
  // @ts-expect-error: there is no such option
  await startHTTPServer({ port, sslcert: "", upstream: { command: "node" } });
  // @ts-expect-error: there is no such protocol
  await startStdioServer({ serverType: ServerType.SSE, upstreamProtocol: "newest", url: "" });
};
