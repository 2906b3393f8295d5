// The client that the official suite's client scenarios run: `client.mjs <url of their server>`.
// It speaks stdio to the proxy, which is what is tested, and does what each scenario wants done.

import { join } from "node:path";

import { repositoryRoot } from "../support/proxy.mjs";
import { Stdio } from "../support/stdio.mjs";

const url = process.argv[2];
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? "";
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");
const binary = process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy");

const flags = ["--headless", "--tokenDir", process.env.MCP_PROXY_TEST_TOKENS];
if (context.client_id) flags.push("--clientId", context.client_id);
if (context.client_secret) flags.push("--clientSecret", context.client_secret);
if (scenario.includes("client-credentials")) flags.push("--grant", "client-credentials");

const answers = {
  "elicitation/create": ({ requestedSchema }) => {
    const given = Object.entries(requestedSchema.properties).filter(([, field]) => "default" in field);
    return { action: "accept", content: Object.fromEntries(given.map(([key, field]) => [key, field.default])) };
  },
};
// Somebody signs in: the suite's authorization server sends the browser back at once.
const complain = (line) => {
  if (/^\s+https?:\/\//.test(line)) fetch(line.trim()).catch(() => {});
};
const peer = new Stdio([binary, url, ...flags], { answers, complain });

await peer.greet();
const { result } = JSON.parse(await peer.request("tools/list", {}));
const [first] = result?.tools ?? [];
for (const { inputSchema, name } of result?.tools ?? []) {
  // One scenario wants to be shown the schema that the client has read.
  const value = (key) => (key === "schema" ? first.inputSchema : 1);
  const args = Object.keys(inputSchema?.properties ?? {}).map((key) => [key, value(key)]);
  await peer.call(name, Object.fromEntries(args));
}
process.exit(await peer.close());
