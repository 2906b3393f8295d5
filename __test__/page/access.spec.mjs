// Who sees data: the first browser that uses the printed URL, in all its tabs.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { browserPath, enter, launch, proxy, session } from "./browser.mjs";

const skip = browserPath() ? false : "there is no chromium; install it or set CHROMIUM";

describe("access to the inspection page", { skip, timeout: 120_000 }, () => {
  let browser;
  let served;

  before(async () => {
    browser = await launch();
    served = await proxy();
  });
  after(async () => {
    await browser?.close();
    await served?.close();
  });

  const row = (page, text) => page.locator("#rows .row", { hasText: text }).last();

  it("is granted once for ten tabs of a browser, which all show the same", async () => {
    const context = await browser.newContext();
    const pages = await Promise.all(Array.from({ length: 10 }, () => context.newPage()));
    await Promise.all(pages.map((page) => page.goto(served.inspect)));
    await (
      await session(served.mcp)
    )("echo", { text: "for ten" });
    await Promise.all(pages.map((page) => row(page, "echo").waitFor()));
    for (const page of pages) assert.doesNotMatch(page.url(), /token/);
    await context.close();
  });

  it("is refused with a token that was used, or that another run printed", async () => {
    await assert.rejects(enter(served.inspect), /This URL was used already/);
    for (const url of [served.inspect, new URL(served.inspect).origin]) {
      const context = await browser.newContext();
      const stranger = await context.newPage();
      await stranger.goto(url);
      await stranger.getByText(/This URL was used already|The token is missing/).waitFor();
      assert.equal(await stranger.locator("#rows .row").count(), 0);
      await context.close();
    }
  });
});
