"use strict";
// One request of revision 2026-07-28, served by a server of the v2 SDK. Only an entry of that SDK can tell
// a server which revision it is on; `serveStdio` takes any transport, so it takes ours.
const { loadModule } = require("./sdk.js");

/** The server proper, which an `McpServer` keeps in a member. */
const protocolOf = (server) => server?.server ?? server;

/** Whether the SDK of this server knows the revision. */
const knowsModern = (server) => Array.isArray(protocolOf(server)?._supportedProtocolVersions);

/** Gives `object` another `member` and returns what takes it away again. */
const shadow = (object, name, member) => {
  const own = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { configurable: true, value: member, writable: true });
  return () => (own ? Object.defineProperty(object, name, own) : delete object[name]);
};

/** Lets `server` answer what comes over `transport`. */
const serveModern = async (server, transport) => {
  const { serveStdio } = await loadModule("@modelcontextprotocol/server/stdio");
  const protocol = protocolOf(server);
  serveStdio(
    () => {
      const unshadow = shadow(protocol, "connect", async (channel) => {
        unshadow();
        await protocol.connect(channel);
        const { onmessage } = channel;
        // What comes with a message besides the message is not passed on by `serveStdio`.
        channel.onmessage = (message, extra) => onmessage(message, { __proto__: transport.extra, ...extra });
      });
      return protocol;
    },
    { legacy: "reject", transport },
  );
};

/** Ends the transport of `server`, which `serveStdio` would close at that; its closing is ours. */
const endModern = (server, transport) => {
  const unshadow = shadow(protocolOf(server), "close", async () => {});
  transport.ended();
  unshadow();
};

module.exports = { endModern, knowsModern, serveModern };
