// `startHTTPServer` of the given package with one everything server per session or request:
// `node api-server.mjs <package entry> <dual|legacy> <port>`.
import { pathToFileURL } from "node:url";

import { everythingServer } from "../fixtures/everything/legacy-server.mjs";
import { everythingFactory } from "../fixtures/everything/modern-server.mjs";

const [packageEntry, sdk, port] = process.argv.slice(2);
const { startHTTPServer } = await import(pathToFileURL(packageEntry).href);

const publishers = {
  tools_list_changed: (notify) => notify.toolsChanged(),
  prompts_list_changed: (notify) => notify.promptsChanged(),
  resource_updated: (notify, { uri }) => notify.resourceUpdated(uri),
};
const createDualEraServer = everythingFactory({ publish: (event) => publishers[event.kind](server.notify, event) });
const createServer = { dual: async () => createDualEraServer(), legacy: async () => everythingServer() }[sdk];

const server = await startHTTPServer({ createServer, host: "127.0.0.1", port: Number(port) });
process.once("SIGTERM", () => server.close());
