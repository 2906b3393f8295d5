// What the inspection page costs its browser, with the build that was made last:
//
//   node bench/page.mjs [--messages 100000] [--seconds 10]
//
// First paint on loopback; frames a second while 1,000 messages a second arrive; the heap after that many messages.
// Chromium draws headless, without a graphics card, on the processors that proxy, server and client use, too.
import { parseArgs } from "node:util";

import { enter, launch, proxy, session } from "../__test__/page/browser.mjs";

const { values: options } = parseArgs({
  options: {
    messages: { default: "100000", type: "string" },
    seconds: { default: "10", type: "string" },
  },
});
const MESSAGES = Number(options.messages);
const SECONDS = Number(options.seconds);
/** A call is four of them: at the client, and on the wire to the server. */
const A_CALL = 4;

const frames = (page, seconds) =>
  page.evaluate(
    (millis) =>
      new Promise((done) => {
        const times = [];
        const start = performance.now();
        const tick = (at) => {
          times.push(at);
          if (at - start < millis) requestAnimationFrame(tick);
          else
            done({
              longest: Math.max(...times.slice(1).map((time, index) => time - times[index])),
              rate: (times.length * 1000) / millis,
            });
        };
        requestAnimationFrame(tick);
      }),
    seconds * 1000,
  );

/** Calls at this rate until it is stopped; how many there were. */
const load = (call, perSecond) => {
  const state = { open: true, sent: 0, under: new Set() };
  const began = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1000) * perSecond - state.sent;
    for (let count = 0; count < due && state.under.size < 64; count += 1) {
      const one = call("echo", { text: `load ${(state.sent += 1)}` }).finally(() => state.under.delete(one));
      state.under.add(one);
    }
  }, 5);
  return async () => {
    clearInterval(timer);
    await Promise.all(state.under);
    return state.sent / ((performance.now() - began) / 1000);
  };
};

const heap = async (page) => {
  const tools = await page.context().newCDPSession(page);
  await tools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await tools.send("Runtime.getHeapUsage");
  return usedSize;
};

const browser = await launch();
const served = await proxy();
try {
  const token = await enter(served.inspect);
  const context = await browser.newContext({ viewport: { height: 800, width: 1280 } });
  await context.addInitScript((value) => localStorage.setItem("mcp-proxy-session", value), token);
  const paints = [];
  for (let time = 0; time < 5; time += 1) {
    const page = await context.newPage();
    await page.goto(new URL(served.inspect).origin);
    await page.locator("#status.live").waitFor();
    paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    await page.close();
  }
  console.log(`first paint: ${paints.map(Math.round).join(", ")} ms (less than 300)`);

  const page = await context.newPage();
  await page.goto(new URL(served.inspect).origin);
  await page.locator("#status.live").waitFor();
  const quiet = await frames(page, 3);
  const call = await session(served.mcp);
  const stop = load(call, 1000 / A_CALL);
  const busy = await frames(page, SECONDS);
  const rate = await stop();
  const show = ({ longest, rate: perSecond }) => `${perSecond.toFixed(1)} frames/s, longest ${longest.toFixed(0)} ms`;
  console.log(`quiet: ${show(quiet)}`);
  console.log(`at ${Math.round(rate * A_CALL)} messages/s: ${show(busy)}`);

  const count = () => page.evaluate(() => Number(document.getElementById("counts").textContent.split(" ")[0]));
  // Not more than the page shows: beyond that it leaves messages out, and its heap does not grow.
  const faster = load(call, 1000);
  while ((await count()) < MESSAGES) await new Promise((done) => setTimeout(done, 500));
  await faster();
  console.log(`heap after ${await count()} messages: ${((await heap(page)) / 1e6).toFixed(1)} MB (less than 60)`);
} finally {
  await browser.close();
  await served.close();
}
