"use strict";
// Promises that nobody awaits, or not without a limit.

/** Waits for a promise, but no longer than this. */
const within = async (milliseconds, promise) => {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
};

/** Tells of an error that goes no further. */
const report = (what) => (error) => console.error(`[mcp-proxy] error ${what}`, error);

module.exports = { report, within };
