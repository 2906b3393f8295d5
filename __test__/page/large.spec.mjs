// A server that writes a line of 100 MB while the page is open: its beginning is shown, and its length.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { browserPath, launch, proxy, session } from "./browser.mjs";

const skip = browserPath() ? false : "there is no chromium; install it or set CHROMIUM";

describe("a very long line on the inspection page", { skip, timeout: 120_000 }, () => {
  let browser;
  let served;

  before(async () => {
    browser = await launch();
    served = await proxy("--maxLineSize", "200000000", "--maxBuffered", "400000000");
  });
  after(async () => {
    await browser?.close();
    await served?.close();
  });

  it("costs the page no more than a short one", async () => {
    const page = await browser.newPage();
    await page.goto(served.inspect);
    await page.locator("#status.live").waitFor();
    const call = await session(served.mcp);
    assert.ok((await call("huge")).length > 100_000_000);
    const row = page.locator("#rows .row", { hasText: "huge" }).last();
    await row.locator(".state", { hasText: "ok" }).waitFor();
    assert.match(await row.locator(".bytes").textContent(), /^100\.\d MB$/);
    await row.click();
    await page.locator("#detail").getByText("Answer").first().waitFor();
    await call("echo", { text: "after it" });
    await page.locator("#rows .row", { hasText: "echo" }).last().waitFor();
    const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
    assert.ok(heap < 60e6, `${heap} bytes of heap`);
    await page.context().close();
  });
});
