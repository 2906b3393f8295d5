// Scenarios that hold for every server behind the proxy.

import assert from 'node:assert/strict';

const LISTS = [
  { capability: 'tools', list: (client) => client.listTools(), method: 'tools/list' },
  { capability: 'prompts', list: (client) => client.listPrompts(), method: 'prompts/list' },
  { capability: 'resources', list: (client) => client.listResources(), method: 'resources/list' },
  { capability: 'resources', list: (client) => client.listResourceTemplates(), method: 'resources/templates/list' },
];

export const anyServer = [
  {
    name: 'initialize hands over what the server said about itself',
    run: async ({ connect, server, tap }) => {
      const { client } = await connect();
      const { result } = (await tap.exchange('initialize')).response;

      assert.equal(client.getServerVersion().name, server.serverName);
      assert.deepEqual(client.getServerVersion(), result.serverInfo);
      assert.equal(client.getInstructions(), result.instructions);
      for (const capability of ['completions', 'logging', 'prompts', 'resources', 'tools']) {
        assert.deepEqual(client.getServerCapabilities()[capability], result.capabilities[capability], capability);
      }
      await client.ping();
    },
  },
  {
    name: 'every list is the server\'s own, to the last field',
    run: async ({ connect, tap }) => {
      const { client, received, sent } = await connect();
      const offered = LISTS.filter(({ capability }) => client.getServerCapabilities()[capability]);
      for (const { list, method } of offered) {
        await list(client);
        const { id } = sent.entries.findLast((message) => message.method === method);
        const { result } = received.entries.find((message) => message.id === id);
        assert.deepEqual(result, (await tap.exchange(method)).response.result, method);
      }
      assert.ok((await client.listTools()).tools.length > 0);
    },
  },
  {
    name: 'a client that went away can come back as a new session',
    run: async ({ connect }) => {
      const before = await connect();
      await before.close();
      const after = await connect();
      assert.ok((await after.client.listTools()).tools.length > 0);
      if (before.transport.sessionId) assert.notEqual(after.transport.sessionId, before.transport.sessionId);
      await assert.rejects(before.client.ping());
    },
  },
  {
    endpoints: ['/mcp'],
    name: 'DELETE ends the session and nothing but the session',
    run: async ({ connect, url }) => {
      const [leaving, staying] = [await connect(), await connect()];
      const { sessionId } = leaving.transport;
      await leaving.transport.terminateSession();

      const response = await fetch(url, {
        body: JSON.stringify({ id: 1, jsonrpc: '2.0', method: 'ping' }),
        headers: {
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
          'mcp-session-id': sessionId,
        },
        method: 'POST',
      });
      assert.equal(response.status, 404);
      assert.equal((await response.json()).error.code, -32001);
      await staying.client.ping();
    },
  },
];
