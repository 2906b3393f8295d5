// A page of another origin in Debian's Chromium, with the clients of `page.mjs` in it.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright-core";

import { browserPath } from "../page/browser.mjs";

/** Without these it looks for machines that no test may need. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const executablePath = browserPath();

export async function openPage() {
  const bundled = await build({
    bundle: true,
    entryPoints: [fileURLToPath(new URL("page.mjs", import.meta.url))],
    format: "esm",
    platform: "browser",
    write: false,
  });
  const script = bundled.outputFiles[0].text;
  const site = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({ args: FLAGS, executablePath, headless: true });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  await page.waitForFunction(() => globalThis.ready);
  return {
    close: async () => {
      await browser.close();
      site.closeAllConnections();
      site.close();
    },
    page,
  };
}
