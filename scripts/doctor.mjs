// Examines real servers of the registries with the latest build. All of them are fine, so a finding is a false alarm or
// news. Downloads them into a folder of its own:
//
//   cargo build --workspace && node scripts/doctor.mjs [words of names]
import { execFileSync, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { root } from "./tools.mjs";

const { nativePath } = createRequire(import.meta.url)("../npm/platform.js");

const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-doctor-"));
const files = join(folder, "files");
mkdirSync(files);

/** Packages of npm, their executables and arguments. */
const fromNpm = [
  ["@modelcontextprotocol/server-everything", "mcp-server-everything"],
  ["@modelcontextprotocol/server-filesystem", "mcp-server-filesystem", files],
  ["@modelcontextprotocol/server-memory", "mcp-server-memory"],
  ["@modelcontextprotocol/server-sequential-thinking", "mcp-server-sequential-thinking"],
  ["@upstash/context7-mcp", "context7-mcp"],
  ["@playwright/mcp", "playwright-mcp"],
  ["chrome-devtools-mcp", "chrome-devtools-mcp"],
];

/** Packages of PyPI; each executable has the name of its package. */
const fromPypi = [["mcp-server-time"], ["mcp-server-fetch"], ["mcp-server-git"]];

const wanted = process.argv.slice(2);
const isWanted = ([name]) => wanted.length === 0 || wanted.some((word) => name.includes(word));

const run = (program, words) => execFileSync(program, words, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });

const install = (npm, pypi) => {
  if (npm.length > 0)
    run("npm", ["install", "--no-audit", "--no-fund", "--prefix", folder, ...npm.map(([name]) => name)]);
  if (pypi.length > 0) {
    run("python3", ["-m", "venv", "python"]);
    run(join(folder, "python/bin/pip"), ["install", "--quiet", ...pypi.map(([name]) => name)]);
  }
};

/** The doctor's findings, without notes. */
const examine = (command) => {
  const words = ["--doctor", "--json", "--", ...command];
  const { stdout } = spawnSync(nativePath("executable"), words, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
  const findings = JSON.parse(stdout).servers.flatMap(({ stages }) => stages.flatMap((stage) => stage.findings));
  return findings.filter(({ severity }) => severity !== "note");
};

const [npm, pypi] = [fromNpm.filter(isWanted), fromPypi.filter(isWanted)];
install(npm, pypi);
const commands = [
  ...npm.map(([name, program, ...words]) => [name, join(folder, "node_modules/.bin", program), ...words]),
  ...pypi.map(([name]) => [name, join(folder, "python/bin", name)]),
];
for (const [name, program, ...words] of commands) {
  if (!existsSync(program)) throw new Error(`${name} has no ${program}`);
  const findings = examine([program, ...words]);
  console.log(`${findings.length === 0 ? "well " : "ILL  "} ${name}`);
  for (const { code, subject, text } of findings) console.log(`      ${code} ${subject} ${text}`);
  if (findings.length > 0) process.exitCode = 1;
}
