"use strict";
// One 2026-07-28 request, served by a server of the v2 SDK. Only an entry point of that SDK can set a server's
// revision; `serveStdio` accepts any transport, so it gets ours.
const { loadModule } = require("./sdk.js");

/** The member in which an `McpServer` keeps the actual server. */
const protocolOf = (server) => server?.server ?? server;

/** Whether the SDK of this server supports the revision. */
const knowsModern = (server) => Array.isArray(protocolOf(server)?._supportedProtocolVersions);

/** Replaces `member` of `object`; returns a function that restores it. */
const shadow = (object, name, member) => {
  const own = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { configurable: true, value: member, writable: true });
  return () => (own ? Object.defineProperty(object, name, own) : delete object[name]);
};

/** Lets `server` answer the messages of `transport`. */
const serveModern = async (server, transport) => {
  const { serveStdio } = await loadModule("@modelcontextprotocol/server/stdio");
  const protocol = protocolOf(server);
  serveStdio(
    () => {
      const unshadow = shadow(protocol, "connect", async (channel) => {
        unshadow();
        await protocol.connect(channel);
        const { onmessage } = channel;
        // `serveStdio` does not pass on what comes with a message besides the message.
        channel.onmessage = (message, extra) => onmessage(message, { __proto__: transport.extra, ...extra });
      });
      return protocol;
    },
    { legacy: "reject", transport },
  );
};

/** Ends the transport of `server`. `serveStdio` would then close it; we close it ourselves. */
const endModern = (server, transport) => {
  const unshadow = shadow(protocolOf(server), "close", async () => {});
  transport.ended();
  unshadow();
};

module.exports = { endModern, knowsModern, serveModern };
