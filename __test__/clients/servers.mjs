// The two reference servers, as commands for the proxy to run.

import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

export const servers = {
  everything: {
    serverName: 'mcp-servers/everything',
    open: async () => ({ command: script('server-everything', 'stdio'), close: async () => {} }),
  },
  filesystem: {
    serverName: 'secure-filesystem-server',
    open: async () => {
      // The server refuses paths that reach its directory through a link.
      const directory = await realpath(await mkdtemp(join(tmpdir(), 'mcp-proxy-clients-')));
      return {
        close: () => rm(directory, { force: true, recursive: true }),
        command: script('server-filesystem', directory),
        directory,
      };
    },
  },
};

function script(name, ...words) {
  const manifest = require.resolve(`@modelcontextprotocol/${name}/package.json`);
  return [process.execPath, join(dirname(manifest), 'dist/index.js'), ...words];
}
