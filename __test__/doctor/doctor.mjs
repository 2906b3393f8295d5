// Runs the doctor.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";

import { root } from "../../scripts/tools.mjs";

const { nativePath } = createRequire(import.meta.url)("../../npm/platform.js");

const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^MCP_?PROXY|^NODE_OPTIONS$/i.test(name)),
);

/** Exit code, stdout and stderr of the doctor with these words. */
export const run = (words, options = {}) =>
  new Promise((resolve) => {
    const all = { cwd: root, env: environment, maxBuffer: 1 << 26, ...options };
    execFile(
      process.env.MCP_PROXY_BIN ?? nativePath("executable"),
      ["--doctor", ...words],
      all,
      (error, stdout, stderr) => {
        resolve({ code: error ? error.code : 0, stdout, stderr });
      },
    );
  });

/** The doctor's findings, sorted: the codes of errors and warnings, and those of notes. */
export const examine = async (words, options) => {
  const { code, stdout, stderr } = await run(["--json", ...words], options);
  const report = JSON.parse(stdout);
  const found = report.servers.flatMap((server) => server.stages.flatMap((stage) => stage.findings));
  const codes = (notes) =>
    [...new Set(found.filter(({ severity }) => (severity === "note") === notes).map((one) => one.code))].sort();
  return { code, report, stderr, found, codes: codes(false), notes: codes(true) };
};

/** The command of a broken server. */
export const broken = (mode) => ["--", process.execPath, join(root, "__test__/doctor/broken.mjs"), mode];
