// The inspection page in a real browser: what a user does, and what nobody may do.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";

import { browserPath, enter, launch, post, proxy, session } from "./browser.mjs";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.MCP_PROXY_SCREENSHOTS;
const skip = browserPath() ? false : "there is no chromium; install it or set CHROMIUM";

describe("the inspection page", { skip, timeout: 240_000 }, () => {
  let browser;
  let served;
  let call;

  before(async () => {
    browser = await launch();
    served = await proxy("--isolation", "session", "--apiKey", "page-key");
    served.key = { "x-api-key": "page-key" };
    served.token = await enter(served.inspect);
  });
  after(async () => {
    await browser?.close();
    await served?.close();
  });

  /** A page of its own, which must not report errors. */
  const opened = async (options = {}) => {
    const context = await browser.newContext({ viewport: { height: 800, width: 1280 }, ...options });
    await context.addInitScript((token) => localStorage.setItem("mcp-proxy-session", token), served.token);
    const page = await context.newPage();
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
    await page.goto(new URL(served.inspect).origin);
    await page.locator("#status.live").waitFor();
    return page;
  };
  const closed = async (page) => {
    assert.deepEqual(page.problems, []);
    await page.context().close();
  };
  const shoot = async (page, name) => {
    if (!shots) return;
    mkdirSync(shots, { recursive: true });
    await page.screenshot({ path: `${shots}/${name}.png` });
  };
  const accessible = async (page, what) => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document));
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(found, [], what);
  };
  const row = (page, text) => page.locator("#rows .row", { hasText: text }).last();
  /** Opens the only message with this text. */
  const open = async (page, text, target) => {
    await page.locator("#filter").fill(text);
    await page.waitForFunction(() => document.querySelectorAll("#rows .row").length === 1);
    await row(page, target).click();
  };
  /** The call as a client of the front makes it. */
  const client = async (name) => {
    const url = served.mcp;
    const keyed = (method, params, more) => post(url, method, params, { ...served.key, ...more });
    const info = { capabilities: {}, clientInfo: { name, version: "1.2.3" }, protocolVersion: "2025-11-25" };
    const begun = await keyed("initialize", info);
    const id = begun.headers.get("mcp-session-id");
    await begun.text();
    return async (tool, args = {}) =>
      (await keyed("tools/call", { arguments: args, name: tool }, { "mcp-session-id": id })).text();
  };

  it("shows what happened before it was opened, and what happens now", async () => {
    call = await client("a real client");
    await call("echo", { text: "before anybody looked" });
    const page = await opened();
    await row(page, "echo").waitFor();
    await call("add", { a: 2, b: 3 });
    await call("fail");
    await row(page, "fail").waitFor();
    assert.equal(await row(page, "fail").locator(".state").textContent(), "failed");
    assert.equal(await row(page, "add").locator(".state").textContent(), "ok");
    assert.doesNotMatch(page.url(), /token/);
    await closed(page);
  });

  it("shows request and answer side by side, pictures, and the whole of a large message", async () => {
    const page = await opened();
    await call("echo", { password: "hunter2", text: "side by side" });
    await open(page, "redacted tool:echo", "echo");
    const detail = page.locator("#detail");
    await detail.getByText("side by side").first().waitFor();
    const text = await detail.textContent();
    assert.match(text, /Request.*Answer/s);
    assert.match(text, /\[redacted\]/);
    assert.doesNotMatch(text, /hunter2|page-key/);
    await accessible(page, "with a message");
    await shoot(page, "message");
    await call("picture");
    await open(page, "tool:picture", "picture");
    await detail.locator("details").nth(1).waitFor();
    for (const summary of await detail.locator("details:not([open]) > summary").all()) {
      if (await summary.isVisible()) await summary.click();
    }
    assert.ok(
      (await detail
        .locator("img")
        .first()
        .evaluate((it) => it.naturalWidth)) > 0,
    );
    await call("large");
    await open(page, "tool:large", "large");
    await detail.getByRole("button", { name: /^all 300/ }).waitFor();
    await closed(page);
  });

  it("shows the answer of a call that was chosen while it was open", async () => {
    const page = await opened();
    const held = call("hold");
    await open(page, "tool:hold", "hold");
    await page.locator("#detail").getByText("hold").first().waitFor();
    assert.doesNotMatch(await page.locator("#detail").textContent(), /it was released/);
    await call("release");
    await held;
    await page.locator("#detail").getByText("it was released").first().waitFor();
    await closed(page);
  });

  it("never renders what a peer sends as markup", async () => {
    const page = await opened();
    await call("hostile");
    await open(page, "tool:hostile", "hostile");
    await page.locator("#detail").getByText("onerror").first().waitFor();
    await page.keyboard.press("r");
    await page.locator("#detail pre", { hasText: "onerror" }).waitFor();
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    assert.equal(await page.locator("#detail img").count(), 0);
    await closed(page);
  });

  it("filters", async () => {
    const page = await opened();
    await page.keyboard.press("/");
    await page.keyboard.type("tool:add");
    await row(page, "add").waitFor();
    const targets = await page.locator("#rows .target").allTextContents();
    assert.deepEqual(new Set(targets), new Set(["add"]));
    await page.locator("#filter").fill("");
    await page.locator("#failed").check();
    await row(page, "fail").waitFor();
    assert.match(page.url(), /filter=status/);
    const states = new Set(await page.locator("#rows .state").allTextContents());
    assert.ok(!states.has("ok"), [...states].join());
    await page.locator("#failed").uncheck();
    await page.locator("#wire").check();
    await row(page, "server 1").waitFor();
    await closed(page);
  });

  it("shows sessions, servers, latency and errors", async () => {
    const refused = await fetch(served.mcp, { body: "{}", method: "POST" });
    assert.equal(refused.status, 401);
    const page = await opened();
    await page.getByRole("tab", { name: "Sessions" }).click();
    await page.locator("#view-sessions").getByText("a real client 1.2.3").waitFor();
    await accessible(page, "sessions");
    await page.getByRole("tab", { name: "Servers" }).click();
    await page.locator("#view-servers").getByText("the server of the page's tests is up").first().waitFor();
    await page
      .locator("#view-servers")
      .getByText(/memory/)
      .first()
      .waitFor();
    await accessible(page, "servers");
    await shoot(page, "servers");
    await page.getByRole("tab", { name: "Latency" }).click();
    await page.locator("#view-tools").getByText("tools/call echo").waitFor();
    await accessible(page, "latency");
    await shoot(page, "latency");
    await page.getByRole("tab", { name: "Errors" }).click();
    await page.locator("#view-errors").getByText("tool error: it is broken").waitFor();
    await page
      .locator("#view-errors")
      .getByText(/HTTP 401/)
      .first()
      .waitFor();
    await accessible(page, "errors");
    await closed(page);
  });

  it("has a console that calls a tool and answers what the server asks", async () => {
    const page = await opened();
    await page.getByRole("tab", { name: "Console" }).click();
    await page.locator("#connect:enabled").click();
    await page.getByText("Connected to page-server").waitFor();
    await page.locator("#what").selectOption({ label: "add" });
    await page.locator("[data-name=a]").fill("40");
    await page.locator("[data-name=b]").fill("2");
    await page.locator("#ask").click();
    await page.locator("#result").getByText('"42"').waitFor();
    await accessible(page, "console");
    await page.locator("#what").selectOption({ label: "ask" });
    await page.locator("#ask").click();
    await page.locator("#questions").getByText("Which color?").waitFor();
    await page.locator("#questions [data-name=color]").fill("green");
    await shoot(page, "console");
    await page.locator("#questions").getByRole("button", { name: "Accept" }).click();
    await page.locator("#result").getByText(/green/).waitFor();
    await closed(page);
  });

  it("can be used with the keyboard alone", async () => {
    const page = await opened();
    await row(page, "echo").waitFor();
    await page.keyboard.press("k");
    await page.keyboard.press("k");
    await page.locator("#detail:not([hidden])").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#detail").waitFor({ state: "hidden" });
    await page.keyboard.press("2");
    await page.locator("#view-sessions").waitFor();
    await page.locator("#tab-sessions").focus();
    await page.keyboard.press("ArrowRight");
    await page.locator("#view-servers").waitFor();
    await page.keyboard.press("?");
    await page.locator("#keys[open]").waitFor();
    await accessible(page, "the keys");
    await closed(page);
  });

  it("is dark and light, and fits a telephone", async () => {
    for (const colorScheme of ["dark", "light"]) {
      const page = await opened({ colorScheme });
      await row(page, "echo").click();
      await accessible(page, colorScheme);
      await shoot(page, colorScheme);
      await closed(page);
    }
    const page = await opened({ viewport: { height: 700, width: 400 } });
    await row(page, "echo").waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 400, `${wide} pixels wide`);
    await shoot(page, "narrow");
    await row(page, "echo").click();
    await page.locator("#detail").getByRole("button", { name: "Close" }).click();
    await closed(page);
  });

  it("downloads what is kept", async () => {
    const page = await opened();
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#download").click()]);
    const lines = readFileSync(await download.path(), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(lines[0].format, "mcp-proxy-recording");
    assert.ok(lines.some((line) => line.text?.includes("before anybody looked")));
    await closed(page);
  });

  it("stays fast and small while many messages arrive", async () => {
    const page = await opened();
    const began = Date.now();
    let sent = 0;
    const loads = Array.from({ length: 4 }, async () => {
      while (Date.now() - began < 4000) {
        await call("echo", { text: `load ${sent}` });
        sent += 1;
      }
    });
    const frames = await page.evaluate(
      () =>
        new Promise((done) => {
          let count = 0;
          const start = performance.now();
          const tick = (at) => {
            count += 1;
            if (at - start < 3000) requestAnimationFrame(tick);
            else done(count / ((at - start) / 1000));
          };
          requestAnimationFrame(tick);
        }),
    );
    await Promise.all(loads);
    const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    console.log(`${Math.round(sent / 4)} calls/s, ${Math.round(frames)} frames/s, ${(heap / 1e6).toFixed(1)} MB heap`);
    assert.ok(heap < 60e6, `${heap} bytes of heap`);
    assert.ok(elements < 1500, `${elements} elements`);
    await closed(page);
  });

  it("notices that the proxy has gone", async () => {
    const other = await proxy();
    const page = await (await browser.newContext()).newPage();
    await page.goto(other.inspect);
    await page.locator("#status.live").waitFor();
    await (
      await session(other.mcp)
    )("echo", { text: "x" });
    await other.close();
    await page.locator("#status.gone", { hasText: "does not answer" }).waitFor();
    await page.context().close();
  });
});
