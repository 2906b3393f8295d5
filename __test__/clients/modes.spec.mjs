// The flags that change how clients reach the server: `--stateless`, `--apiKey`, `--server`, and
// clients that first ask for a newer protocol. Each with both TypeScript SDKs.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { startProxy } from '../support/proxy.mjs';
import { Peer, sdks } from './sdk.mjs';
import { servers } from './servers.mjs';

const ENDPOINTS = ['/mcp', '/sse'];
const KEY = 'correct horse battery staple';

for (const sdk of sdks) {
  describe(sdk.name, () => {
    test('--stateless serves clients that share no session', async (t) => {
      const proxy = await start(t, ['--stateless']);
      const peers = await Promise.all(Array.from({ length: 2 }, () => connect(t, sdk, `${proxy.url}/mcp`)));
      for (const peer of peers) {
        assert.equal(peer.transport.sessionId, undefined);
        assert.ok((await peer.client.listTools()).tools.length > 0);
      }
      const answers = peers.flatMap((peer, index) =>
        Array.from({ length: 10 }, async (_, turn) => [
          await peer.callText('echo', { message: `${index}/${turn}` }),
          `Echo: ${index}/${turn}`,
        ]),
      );
      for (const [answer, expected] of await Promise.all(answers)) assert.equal(answer, expected);

      const progress = [];
      await peers[0].callTool('trigger-long-running-operation', { duration: 0.3, steps: 3 }, {
        onprogress: (event) => progress.push(event.progress),
      });
      const received = peers[0].notifications('notifications/progress').map((event) => event.progress);
      assert.deepEqual(received, [1, 2, 3]);
      assert.ok(progress.length > 0);
      const refused = await fetch(`${proxy.url}/mcp`, { headers: { accept: 'text/event-stream' } });
      assert.equal(refused.status, 405);
    });

    test('--apiKey admits those who have the key', async (t) => {
      const proxy = await start(t, ['--apiKey', KEY]);
      for (const endpoint of ENDPOINTS) {
        const url = proxy.url + endpoint;
        await assert.rejects(connect(t, sdk, url), /401|Unauthorized/);
        await assert.rejects(connect(t, sdk, url, { headers: { 'X-API-Key': `${KEY}!` } }), /401|Unauthorized/);
        const peer = await connect(t, sdk, url, { headers: { 'X-API-Key': KEY } });
        assert.equal(await peer.callText('echo', { message: endpoint }), `Echo: ${endpoint}`);
      }
      assert.equal(await (await fetch(`${proxy.url}/ping`)).text(), 'pong');
    });

    for (const [choice, served, absent] of [['stream', '/mcp', '/sse'], ['sse', '/sse', '/mcp']]) {
      test(`--server ${choice} serves ${served} and not ${absent}`, async (t) => {
        const proxy = await start(t, ['--server', choice]);
        const peer = await connect(t, sdk, proxy.url + served);
        assert.equal(await peer.callText('echo', { message: choice }), `Echo: ${choice}`);
        await assert.rejects(connect(t, sdk, proxy.url + absent));
        assert.equal((await fetch(proxy.url + absent)).status, 404);
      });
    }

    test('a client that asks for the newest protocol first is served', async (t) => {
      const proxy = await start(t, []);
      for (const endpoint of ENDPOINTS) {
        const clientOptions = { versionNegotiation: { mode: 'auto' } };
        const peer = await connect(t, sdk, proxy.url + endpoint, { clientOptions });
        assert.ok((await peer.client.listTools()).tools.length > 0);
        assert.equal(await peer.callText('echo', { message: endpoint }), `Echo: ${endpoint}`);
      }
    });
  });
}

async function start(t, flags) {
  const { command } = await servers.everything.open();
  const proxy = await startProxy({ command, flags });
  t.after(() => proxy.stop());
  return proxy;
}

async function connect(t, sdk, url, options) {
  const peer = await Peer.connect(sdk, url, options);
  t.after(() => peer.close());
  return peer;
}
