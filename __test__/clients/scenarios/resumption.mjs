// Scenarios for a broken stream on the Streamable HTTP endpoint: the client asks for the rest with
// Last-Event-ID and misses nothing.

import assert from 'node:assert/strict';

import { outgoing } from '../../support/wiretap.mjs';
import { connectListening, emitUpdates, newUri, updated, updatesOf } from './notifications.mjs';

export const resumption = [
  {
    endpoints: ['/mcp'],
    name: 'a call whose stream broke is resumed without loss',
    run: async ({ connect, tap }) => {
      const [peer] = await connectListening(connect, 1);
      const release = peer.wire.holdGet();
      let cut = false;
      const call = peer.callText('trigger-long-running-operation', { duration: 1, steps: 8 }, {
        onprogress: () => {
          if (!cut) peer.wire.cutLast('POST');
          cut = true;
        },
      });
      await tap.next(outgoing('notifications/progress', ({ params }) => params.progress === 5), 'progress unseen');
      release();

      assert.match(await call, /Steps: 8\.$/);
      const seen = peer.notifications('notifications/progress').map(({ progress }) => progress);
      assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
      assert.ok(peer.wire.exchanges.entries.some(resumed));
    },
  },
  {
    endpoints: ['/mcp'],
    name: 'notifications sent while the stream was down are replayed',
    run: async ({ connect, tap }) => {
      const [peer] = await connectListening(connect, 1);
      const [before, between] = [newUri(), newUri()];
      await peer.client.subscribeResource({ uri: before });
      await emitUpdates(peer, [[peer, before]]);
      await peer.client.unsubscribeResource({ uri: before });

      const release = peer.wire.holdGet();
      peer.wire.cutLast('GET');
      await peer.client.subscribeResource({ uri: between });
      const emitted = tap.next(outgoing('notifications/resources/updated'), 'the update');
      await peer.callTool('toggle-subscriber-updates');
      await peer.callTool('toggle-subscriber-updates');
      await emitted;
      // An answer that follows the update: the proxy has read the update before it.
      await peer.client.ping();
      await peer.callTool('echo', { message: 'after the update' });
      assert.deepEqual(updatesOf(peer), [before]);

      release();
      await peer.received.first(updated(between), 'the replayed update');
      assert.deepEqual(updatesOf(peer), [before, between]);
      assert.ok(peer.wire.exchanges.entries.some(resumed));
    },
  },
];

function resumed({ headers, method, status }) {
  return method === 'GET' && headers.has('last-event-id') && status === 200;
}
