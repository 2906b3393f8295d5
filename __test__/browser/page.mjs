// The code of the page: clients of both TypeScript SDKs, bundled as in a web application.
import * as v2 from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const sdks = {
  v1: {
    Client,
    SSEClientTransport,
    StreamableHTTPClientTransport,
    callTool: (client, call, options) => client.callTool(call, undefined, options),
    onListChanged: (client, handler) => client.setNotificationHandler(ToolListChangedNotificationSchema, handler),
  },
  v2: {
    Client: v2.Client,
    SSEClientTransport: v2.SSEClientTransport,
    StreamableHTTPClientTransport: v2.StreamableHTTPClientTransport,
    callTool: (client, call, options) => client.callTool(call, options),
    onListChanged: (client, handler) => client.setNotificationHandler("notifications/tools/list_changed", handler),
  },
};
const connected = [];

/** Connects a client; its number is for the functions below. */
globalThis.connect = async ({ headers, sdk, url }) => {
  const { Client, SSEClientTransport, StreamableHTTPClientTransport, onListChanged } = sdks[sdk];
  const client = new Client({ name: "page", version: "1" });
  const Transport = url.endsWith("/sse") ? SSEClientTransport : StreamableHTTPClientTransport;
  const transport = new Transport(new URL(url), { requestInit: { headers } });
  const entry = { changes: 0, client, progress: [], sdk: sdks[sdk], transport };
  onListChanged(client, () => {
    entry.changes += 1;
  });
  await client.connect(transport);
  // At the transport: an SDK may report a result before the progress that came first.
  const receive = transport.onmessage;
  transport.onmessage = (message, ...more) => {
    if (message.method === "notifications/progress") entry.progress.push(message.params.progress);
    receive(message, ...more);
  };
  return connected.push(entry) - 1;
};

globalThis.tools = async (number) => (await connected[number].client.listTools()).tools.map(({ name }) => name);

/** The text of a tool's answer, and the progress before it. */
globalThis.call = async (number, name, withProgress) => {
  const { client, progress, sdk } = connected[number];
  const onprogress = withProgress ? () => {} : undefined;
  const result = await sdk.callTool(client, { arguments: { text: "hi" }, name }, { onprogress });
  return { progress, text: result.content[0].text };
};

globalThis.changes = (number) => connected[number].changes;

globalThis.terminate = async (number) => {
  const { transport } = connected[number];
  const before = transport.sessionId;
  await transport.terminateSession();
  return { after: transport.sessionId ?? null, before };
};

globalThis.close = (number) => connected[number].client.close();
globalThis.ready = true;
