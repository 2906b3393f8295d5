// The Python SDK against the two reference servers behind the proxy, on both endpoints.
//
// The steps are Python (`python/steps.py`) and run in the environment of `support/python.mjs`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { eachLine } from "../support/lines.mjs";
import { startProxy } from "../support/proxy.mjs";
import { environment } from "../support/python.mjs";
import { Wiretap } from "../support/wiretap.mjs";
import { servers } from "./servers.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

describe("Python SDK", () => {
  let python;
  before(async () => {
    python = await environment();
  });

  for (const [name, { open }] of Object.entries(servers)) {
    for (const endpoint of ["/mcp", "/sse"]) {
      test(`server-${name} on ${endpoint}`, async (t) => {
        const server = await open();
        const tap = await Wiretap.open();
        const proxy = await startProxy({ command: tap.wrap(server.command) });
        t.after(async () => {
          await proxy.stop();
          tap.close();
          await server.close();
        });

        const directory = server.directory === undefined ? [] : [server.directory];
        const outcomes = await takeSteps(python, [proxy.url + endpoint, name, ...directory]);
        for (const { error, step } of outcomes) {
          await t.test(step, () => assert.equal(error, null, error));
        }
        if (name === "everything") await t.test("cancel reached the server", () => assertCancelled(tap));
      });
    }
  }
});

async function takeSteps(python, words) {
  const outcomes = [];
  // The SDK warns about what the newest protocol revision no longer has.
  const script = ["-W", "ignore", here("python/steps.py"), ...words];
  const child = spawn(python, script, { stdio: ["ignore", "pipe", "inherit"] });
  eachLine(child.stdout, (line) => outcomes.push(JSON.parse(line)));
  const [code] = await once(child, "close");
  assert.equal(code, 0, "the steps must run to the end");
  assert.ok(outcomes.length > 0);
  return outcomes;
}

/** The server was told to stop the call, with its own id for it, and then answered nothing. */
function assertCancelled({ entries }) {
  const cancelled = entries.find(({ message }) => message.method === "notifications/cancelled");
  const { requestId } = cancelled.message.params;
  const call = entries.find(({ direction, message }) => direction === "in" && message.id === requestId);
  assert.equal(call.message.params.name, "trigger-long-running-operation");
  assert.ok(!entries.some(({ direction, message }) => direction === "out" && message.id === requestId));
}
