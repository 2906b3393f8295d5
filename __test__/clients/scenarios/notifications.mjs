// Scenarios for messages that server-everything sends on its own: resource updates and log messages.

import assert from "node:assert/strict";

import { incoming } from "../../support/wiretap.mjs";

let resources = 0;

export const notifications = [
  {
    name: "resource updates reach the subscribers and nobody else",
    // With a server for each replica, there are several subscriptions, and only a server's own clients get its
    // notifications.
    oneServer: true,
    run: async ({ connect, tap }) => {
      const [leaver, other, stranger] = await connectListening(connect, 3);
      const [first, second] = [newUri(), newUri()];
      await leaver.client.subscribeResource({ uri: first });
      await other.client.subscribeResource({ uri: first });
      for (const peer of [leaver, stranger]) await peer.client.subscribeResource({ uri: second });
      const subscribed = tap.entries.filter(incoming("resources/subscribe", about(first)));
      assert.equal(subscribed.length, 1, "the server is subscribed once for all clients");

      await emitUpdates(leaver, [
        [leaver, first],
        [leaver, second],
        [other, first],
        [stranger, second],
      ]);
      assert.deepEqual(updatesOf(leaver), [first, second]);

      await leaver.client.unsubscribeResource({ uri: first });
      // The server goes through its resources in order: `second` would come after `first`.
      await emitUpdates(leaver, [
        [leaver, second],
        [other, first],
        [stranger, second],
      ]);
      assert.deepEqual(updatesOf(leaver), [first, second, second]);
      assert.deepEqual(updatesOf(other), [first, first]);
      assert.deepEqual(updatesOf(stranger), [second, second]);
    },
  },
  {
    name: "the server is unsubscribed when the last subscriber leaves",
    oneServer: true,
    run: async ({ connect, endpoint, tap }) => {
      const [leaver, vanisher] = await connectListening(connect, 2);
      const uri = newUri();
      for (const { client } of [leaver, vanisher]) await client.subscribeResource({ uri });
      await leaver.client.unsubscribeResource({ uri });
      await leaver.client.ping();
      assert.ok(!tap.entries.some(incoming("resources/unsubscribe", about(uri))), "one is still subscribed");

      const { url } = vanisher.wire.exchanges.entries.findLast(({ method }) => method === "POST");
      if (endpoint === "/mcp") await vanisher.transport.terminateSession();
      await vanisher.close();
      await tap.first(incoming("resources/unsubscribe", about(uri)), "the end of the subscription");
      if (endpoint === "/sse") {
        const late = await fetch(url, {
          body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
          headers: { "content-type": "application/json" },
          method: "POST",
        });
        assert.equal(late.status, 400);
      }
    },
  },
  {
    name: "each client has the log level it asked for",
    run: async ({ connect }) => {
      const [quiet, curious] = await connectListening(connect, 2);
      const [marker, logged] = [newUri(), newUri()];
      await quiet.client.subscribeResource({ uri: marker });
      await quiet.client.setLoggingLevel("error");
      await curious.client.setLoggingLevel("debug");

      // The server logs a subscription at level info.
      await curious.client.subscribeResource({ uri: logged });
      const aboutIt = (message) => message.method === "notifications/message" && message.params.data.includes?.(logged);
      const { params } = await curious.received.first(aboutIt, "the log message");
      assert.equal(params.level, "info");
      await emitUpdates(quiet, [[quiet, marker]]);
      assert.ok(!quiet.received.entries.some(aboutIt));
    },
  },
];

/** Clients whose stream for unsolicited messages is open. */
export async function connectListening(connect, count) {
  const peers = await Promise.all(Array.from({ length: count }, () => connect()));
  await Promise.all(peers.map((peer) => peer.listening()));
  return peers;
}

/** A resource no other scenario uses; the server lets clients subscribe to any. */
export function newUri() {
  resources += 1;
  return `demo://resource/dynamic/text/${resources}`;
}

/** Makes the server send one round of updates and waits until each expected one is there. */
export async function emitUpdates(peer, expected) {
  const arrivals = expected.map(([receiver, uri]) => receiver.received.next(updated(uri), `an update of ${uri}`));
  await peer.callTool("toggle-subscriber-updates");
  await peer.callTool("toggle-subscriber-updates");
  await Promise.all(arrivals);
}

export function updatesOf(peer) {
  return peer.notifications("notifications/resources/updated").map(({ uri }) => uri);
}

export function updated(uri) {
  return (message) => message.method === "notifications/resources/updated" && message.params.uri === uri;
}

function about(uri) {
  return (message) => message.params.uri === uri;
}
