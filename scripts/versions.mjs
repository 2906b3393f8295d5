// Fails unless package.json, package-lock.json and every crate of the workspace carry one version.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./tools.mjs";

const json = (file) => JSON.parse(readFileSync(join(root, file), "utf8"));
const cargo = JSON.parse(
  execFileSync("cargo", ["metadata", "--no-deps", "--format-version=1", "--offline"], { cwd: root }),
);

const versions = [
  ["package.json", json("package.json").version],
  ["package-lock.json", json("package-lock.json").version],
  ...cargo.packages.map(({ name, version }) => [name, version]),
];
for (const [name, version] of versions) console.log(`${name.padEnd(20)} ${version}`);
if (new Set(versions.map(([, version]) => version)).size > 1) {
  console.error("the versions differ");
  process.exitCode = 1;
}
