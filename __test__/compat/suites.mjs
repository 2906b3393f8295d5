// Which of the original's published tests are run against this package, and how their imports are replaced.

/** Modules of the original that its package exports. */
const EXPORTED = [
  "authentication",
  "index",
  "InMemoryEventStore",
  "proxyServer",
  "startHTTPServer",
  "startStdioServer",
  "tapTransport",
  "upstreamNotifications",
];

/** The replacement for every import of a test file. */
const imports = Object.fromEntries(EXPORTED.map((name) => [`./${name}.js`, "mcp-proxy"]));

const FILTER = "JSONFilterTransform is not exported";
const BUNDLED = "spies on a class that the published bundle has a copy of its own of; fails on the original too";

export const suites = [
  {
    version: "6.7.19",
    package: "mcp-proxy-original",
    imports: {
      ...imports,
      "./StdioClientTransport.js": "@modelcontextprotocol/client/stdio",
      "./createProxyServer.js": "./createProxyServer.mjs",
    },
    /** Files that are not run, and why. */
    left: {
      "JSONFilterTransform.test.ts": FILTER,
      "StdioClientTransport.test.ts": "it is not exported",
      "createGracefulShutdown.test.ts": "it is not exported",
      "startHTTPServer.get-stream-error.test.ts": BUNDLED,
      "startHTTPServer.headers-sent.test.ts": BUNDLED,
    },
    /** Tests that cannot be run, and why. */
    skipped: {
      "closes the upstream client when proxy initialization fails": "mocks a module that is not exported",
      "pauses the request stream when a chunked body overflows the cap, instead of ingesting more":
        "calls getBody, which is not exported",
      "settles a rejected legacy SSE message without an unhandled rejection": BUNDLED,
    },
    edits: [[`vi.mock("./proxyServer.js", () => ({ proxyServer: vi.fn() }));\n`, ""]],
  },
  {
    version: "6.4.0",
    package: "mcp-proxy-original-v1",
    imports,
    left: { "JSONFilterTransform.test.ts": FILTER },
    skipped: {},
    // An example server of the SDK listens there; the runner makes it listen elsewhere.
    edits: [["http://127.0.0.1:3000/", "http://127.0.0.1:${process.env.EXAMPLE_PORT}/"]],
  },
];
