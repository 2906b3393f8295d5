// A client of either TypeScript SDK; see clients.mjs.
import * as v2 from "@modelcontextprotocol/client";
import { StdioClientTransport as StdioV2 } from "@modelcontextprotocol/client/stdio";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [sdk, tool, given, way, ...where] = process.argv.slice(2);
const used =
  sdk === "v1"
    ? {
        Client,
        Http: StreamableHTTPClientTransport,
        Stdio: StdioClientTransport,
        call: (client, call) => client.callTool(call),
      }
    : {
        Client: v2.Client,
        Http: v2.StreamableHTTPClientTransport,
        Stdio: StdioV2,
        call: (client, call) => client.callTool(call),
      };
const client = new used.Client({ name: "museum", version: "1" });
const [command, ...args] = where;
await client.connect(
  way === "http"
    ? new used.Http(new URL(where[0]))
    : new used.Stdio({ args, command, env: process.env, stderr: "ignore" }),
);

/** The answer, or the error in its place. */
const seen = (answer) => answer.catch(({ code, message }) => ({ failed: code ?? message }));
const capabilities = client.getServerCapabilities() ?? {};
const report = {
  instructions: client.getInstructions() ?? null,
  name: client.getServerVersion().name,
  ...(capabilities.tools && { tools: await seen(client.listTools()) }),
  ...(capabilities.prompts && { prompts: await seen(client.listPrompts()) }),
  ...(capabilities.resources && { resources: await seen(client.listResources()) }),
  ...(tool && { call: await seen(used.call(client, { arguments: JSON.parse(given), name: tool })) }),
};
const first = report.resources?.resources?.[0];
if (first) report.read = await seen(client.readResource({ uri: first.uri }));
if (capabilities.tools) report.unknown = await seen(used.call(client, { arguments: {}, name: "no such tool" }));
// A call that is cancelled at once: the next one must still be answered.
if (tool) {
  const gone = new AbortController();
  const call = { arguments: JSON.parse(given), name: tool };
  const abandoned = seen(
    sdk === "v1"
      ? client.callTool(call, undefined, { signal: gone.signal })
      : client.callTool(call, { signal: gone.signal }),
  );
  gone.abort();
  await abandoned;
  report.afterwards = await seen(used.call(client, call));
}
// All output is written before the end.
await new Promise((resolve) => process.stdout.write(`${JSON.stringify(report)}\n`, resolve));
await client.close();
process.exit();
