"use strict";
// Promises that nobody awaits, or only for a limited time.

/** Waits for a promise, at most this long. */
const within = async (milliseconds, promise) => {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
};

/** Prints an error that is not passed on. */
const report = (what) => (error) => console.error(`[mcp-proxy] error ${what}`, error);

module.exports = { report, within };
