// A function that callers of `proxyServer` need; the original has it in a module that it does not export.
import { Server } from "@modelcontextprotocol/server";

export const createProxyServer = (client) => {
  const [serverCapabilities, instructions] = [client.getServerCapabilities(), client.getInstructions()];
  const server = new Server(client.getServerVersion(), { capabilities: serverCapabilities, instructions });
  return { server, serverCapabilities };
};
