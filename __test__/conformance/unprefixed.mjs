// A relay between the suite and a merged endpoint, since the suite uses the names of a single server. Names in requests
// get the server's prefix, names in lists lose it. Everything else passes unchanged.
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import { buffer } from "node:stream/consumers";

const SEPARATOR = "__";
const NAMED = new Set(["tools/call", "prompts/get"]);
/** A header value that is not plain text (2026-07-28, "Value encoding"). */
const ENCODED = /^=\?base64\?(.*)\?=$/;

/**
 * @param {string} url the merged endpoint
 * @param {string} server whose names the suite uses
 * @returns {Promise<{ url: string, close(): void }>}
 */
export async function unprefixed(url, server) {
  const http = createServer((incoming, outgoing) => void forward(url, server, incoming, outgoing));
  await once(http.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${http.address().port}/mcp`,
    close: () => {
      http.close();
      http.closeAllConnections();
    },
  };
}

async function forward(url, server, incoming, outgoing) {
  const body = inbound(await buffer(incoming), server);
  const { "content-length": _, ...headers } = incoming.headers;
  if (headers["mcp-name"] && NAMED.has(headers["mcp-method"])) {
    headers["mcp-name"] = prefixedHeader(headers["mcp-name"], server);
  }
  if (body.length > 0) headers["content-length"] = body.length;
  const upstream = send(url, { headers, method: incoming.method });
  outgoing.on("close", () => upstream.destroy());
  upstream.on("error", () => outgoing.destroy());
  upstream.on("response", (answer) => void back(answer, outgoing, server));
  upstream.end(body);
}

async function back(answer, outgoing, server) {
  const { "content-length": _, ...headers } = answer.headers;
  outgoing.writeHead(answer.statusCode, headers);
  outgoing.flushHeaders();
  let rest = "";
  const isStream = headers["content-type"]?.startsWith("text/event-stream");
  try {
    for await (const chunk of answer.setEncoding("utf8")) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop();
      for (const line of lines) outgoing.write(`${isStream ? outboundEvent(line, server) : line}\n`);
    }
  } catch {
    outgoing.destroy();
  }
  outgoing.end(isStream ? rest : outbound(rest, server));
}

const prefixed = (name, server) => `${server}${SEPARATOR}${name}`;

function prefixedHeader(value, server) {
  const [, encoded] = ENCODED.exec(value) ?? [];
  if (encoded === undefined) return prefixed(value, server);
  const name = prefixed(Buffer.from(encoded, "base64").toString(), server);
  return `=?base64?${Buffer.from(name).toString("base64")}?=`;
}

/** Everything except for a request with a name passes byte for byte. */
function inbound(body, server) {
  const message = parsed(body.toString());
  const { method, params } = message ?? {};
  if (NAMED.has(method) && typeof params?.name === "string") params.name = prefixed(params.name, server);
  else if (method === "completion/complete" && typeof params?.ref?.name === "string") {
    params.ref.name = prefixed(params.ref.name, server);
  } else return body;
  return Buffer.from(JSON.stringify(message));
}

function outboundEvent(line, server) {
  const [, data] = /^data: ?(.*)$/.exec(line) ?? [];
  return data ? `data: ${outbound(data, server)}` : line;
}

/** Names of other servers stay as they are. */
function outbound(text, server) {
  const message = parsed(text);
  const named = [message?.result?.tools, message?.result?.prompts].filter(Array.isArray).flat();
  if (named.length === 0) return text;
  const prefix = prefixed("", server);
  for (const entry of named) {
    if (entry.name.startsWith(prefix)) entry.name = entry.name.slice(prefix.length);
  }
  return JSON.stringify(message);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
