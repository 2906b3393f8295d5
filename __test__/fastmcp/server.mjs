// A FastMCP server as its users write one. The argument contains options for its HTTP stream; the parent is told when
// it listens and when sessions open and close.
import { FastMCP } from "fastmcp";
import { z } from "zod";

const { authenticated = false, ...httpStream } = JSON.parse(process.argv[2]);
const origin = `http://127.0.0.1:${httpStream.port}`;

const authenticate = async ({ headers }) => {
  if (headers.authorization !== "Bearer good") throw new Response("who are you?", { status: 401, statusText: "No" });
  return { user: "ann" };
};

const server = new FastMCP({
  ...(authenticated && { authenticate }),
  name: "fast",
  oauth: {
    authorizationServer: {
      authorizationEndpoint: `${origin}/authorize`,
      issuer: origin,
      responseTypesSupported: ["code"],
      tokenEndpoint: `${origin}/token`,
    },
    enabled: true,
    protectedResource: { authorizationServers: [origin], resource: `${origin}/mcp` },
  },
  version: "1.0.0",
});

server.addTool({
  description: "adds",
  execute: async ({ a, b }, { log, reportProgress, session }) => {
    log.info("adding");
    await reportProgress({ progress: 1, total: 2 });
    return `${session?.user ?? "anybody"}: ${a + b}`;
  },
  name: "add",
  parameters: z.object({ a: z.number(), b: z.number() }),
});

server.addResource({
  load: async () => ({ text: "noted" }),
  mimeType: "text/plain",
  name: "Note",
  uri: "file:///note",
});

server.getApp().get("/own/:name", (context) => context.json({ name: context.req.param("name") }));
server.getApp().post("/own", async (context) => context.text((await context.req.text()).toUpperCase()));

for (const event of ["connect", "disconnect"]) server.on(event, () => process.send({ event }));
process.once("message", async () => {
  await server.stop();
  process.disconnect();
});

await server.start({ httpStream, transportType: "httpStream" });
process.send({ event: "listening" });
