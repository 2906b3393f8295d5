// Web pages as clients: real preflights, real CORS, and the SDKs bundled as applications bundle them.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { repositoryRoot, startProxy } from "../support/proxy.mjs";
import { executablePath, openPage } from "./chromium.mjs";
import { openRelay } from "./relay.mjs";

const fixture = (...mode) => [join(repositoryRoot, "target/debug/fixture"), ...mode];
const skip = executablePath ? false : "there is no Chromium here (apt-get install chromium)";

const SDKS = ["v1", "v2"];
const ENDPOINTS = ["/mcp", "/sse"];
const KEYS = [{ "X-API-Key": "secret" }, { Authorization: "Bearer secret" }];

describe("web pages", { skip, timeout: 120_000 }, () => {
  let browser;
  let page;
  before(async () => {
    browser = await openPage();
    page = browser.page;
  });
  after(() => browser?.close());

  const connect = (sdk, url, headers = {}) =>
    page.evaluate((options) => globalThis.connect(options), { headers, sdk, url });

  for (const sdk of SDKS) {
    for (const endpoint of ENDPOINTS) {
      for (const headers of KEYS) {
        test(`${sdk} at ${endpoint} with the key in ${Object.keys(headers)[0]}`, async (t) => {
          const proxy = await startProxy({ command: fixture("progress", "3"), flags: ["--apiKey", "secret"] });
          t.after(() => proxy.stop());
          const client = await connect(sdk, proxy.url + endpoint, headers);
          assert.ok((await page.evaluate((number) => globalThis.tools(number), client)).includes("echo"));
          const worked = await page.evaluate((number) => globalThis.call(number, "work", true), client);
          assert.deepEqual(worked, { progress: [1, 2, 3], text: "done" });
          await page.evaluate((number) => globalThis.close(number), client);
        });
      }

      test(`${sdk} at ${endpoint} is refused without the key, with a readable message`, async (t) => {
        const proxy = await startProxy({ command: fixture("echo"), flags: ["--apiKey", "secret"] });
        t.after(() => proxy.stop());
        await assert.rejects(connect(sdk, proxy.url + endpoint), /401|Unauthorized/i);
      });
    }

    for (const headers of [{}, ...KEYS]) {
      test(`${sdk} ends its session with ${Object.keys(headers)[0] ?? "no key"}`, async (t) => {
        const flags = Object.keys(headers).length > 0 ? ["--apiKey", "secret"] : [];
        const proxy = await startProxy({ command: fixture("echo"), flags });
        t.after(() => proxy.stop());
        const client = await connect(sdk, `${proxy.url}/mcp`, headers);
        const { after, before } = await page.evaluate((number) => globalThis.terminate(number), client);
        assert.equal(after, null);
        const response = await fetch(`${proxy.url}/mcp`, {
          headers: { Accept: "text/event-stream", "Mcp-Session-Id": before, ...headers },
        });
        assert.equal(response.status, 404);
      });
    }

    test(`${sdk} reconnects after its connections are lost, and misses nothing`, async (t) => {
      const proxy = await startProxy({ command: fixture("list-changed") });
      const relay = await openRelay(new URL(proxy.url).port);
      t.after(async () => {
        relay.close();
        await proxy.stop();
      });
      const client = await connect(sdk, `${relay.url}/mcp`);
      await page.evaluate((number) => globalThis.call(number, "change"), client);
      await page.waitForFunction((number) => globalThis.changes(number) === 1, client);
      relay.cut();
      const other = await connect(sdk, `${proxy.url}/mcp`);
      await page.evaluate((number) => globalThis.call(number, "change"), other);
      await page.waitForFunction((number) => globalThis.changes(number) === 2, client);
      assert.equal((await page.evaluate((number) => globalThis.call(number, "echo"), client)).text, "hi");
    });
  }
});
