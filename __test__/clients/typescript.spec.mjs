// The TypeScript SDKs, v1 and v2, against two reference servers behind the proxy, on both endpoints.
//
// The scenarios are one table: each row runs for every SDK, every server it applies to, and every
// endpoint it applies to. One proxy (and one server process) serves all the rows of an SDK and
// server, as it would serve several users; a wiretap on the server's pipes shows what it was told.

import { after, before, describe, test } from "node:test";

import { startProxy } from "../support/proxy.mjs";
import { Wiretap } from "../support/wiretap.mjs";
import { anyServer } from "./scenarios/any-server.mjs";
import { everything } from "./scenarios/everything.mjs";
import { filesystem } from "./scenarios/filesystem.mjs";
import { notifications } from "./scenarios/notifications.mjs";
import { resumption } from "./scenarios/resumption.mjs";
import { Peer, sdks } from "./sdk.mjs";
import { servers } from "./servers.mjs";

const SCENARIOS = {
  everything: [...anyServer, ...everything, ...notifications, ...resumption],
  filesystem: [...anyServer, ...filesystem],
};

/** Whether several replicas are behind the URL; see __test__/cluster/three.mjs. */
const areReplicas = (process.env.MCP_PROXY_BIN ?? "").includes("three.mjs");

for (const sdk of sdks) {
  for (const [name, scenarios] of Object.entries(SCENARIOS)) {
    describe(`${sdk.name}, server-${name}`, () => {
      let bench;
      before(async () => {
        bench = await openBench(servers[name]);
      });
      after(() => bench?.close());

      for (const endpoint of ["/mcp", "/sse"]) {
        for (const { endpoints, name: title, oneServer, run } of scenarios) {
          if (endpoints !== undefined && !endpoints.includes(endpoint)) continue;
          if (oneServer && areReplicas) continue;
          test(`${endpoint}: ${title}`, async (t) => {
            const { proxy, server, tap } = bench;
            const url = proxy.url + endpoint;
            const connect = async () => {
              const peer = await Peer.connect(sdk, url);
              t.after(() => peer.close());
              return peer;
            };
            await run({ connect, endpoint, server, tap, url });
          });
        }
      }
    });
  }
}

async function openBench({ open, serverName }) {
  const server = { serverName, ...(await open()) };
  const tap = await Wiretap.open();
  const proxy = await startProxy({ command: tap.wrap(server.command) });
  return {
    close: async () => {
      await proxy.stop();
      tap.close();
      await server.close();
    },
    proxy,
    server,
    tap,
  };
}
