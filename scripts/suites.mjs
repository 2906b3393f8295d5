// The table of everything `npm test` runs. A new suite is a new line here.
//
//   lane     suites of one lane run one after the other, the lanes beside each other
//   built    true: waits for the development build (`cargo build --workspace`)
//   command  program and arguments, run at the repository's root; `node` is the running Node
//   count    how to read the number of tests from the output; without it the suite counts as one
//   minutes  the suite is killed, with all it started, after this long (default 10)
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { root } from "./tools.mjs";

/** The tests of a folder of __test__, for `node --test`, which takes no patterns on Node 20. */
const specs = (folder = ".") =>
  readdirSync(join(root, "__test__", folder))
    .filter((name) => name.endsWith(".spec.mjs"))
    .map((name) => join("__test__", folder, name));

const nodeTest = (...files) => ["node", "--test", "--test-reporter=spec", ...files];

const eslint = "node_modules/eslint/bin/eslint.js";
const prettier = "node_modules/prettier/bin/prettier.cjs";

export const build = ["cargo", "build", "--workspace", "--locked"];

export const suites = [
  { name: "rust format", lane: "rust", command: ["cargo", "fmt", "--all", "--check"] },
  {
    name: "rust tests",
    lane: "rust",
    built: true,
    command: ["cargo", "test", "--workspace", "--locked"],
    count: "cargo",
    minutes: 20,
  },
  {
    name: "clippy",
    lane: "rust",
    built: true,
    command: "cargo clippy --workspace --all-targets --locked -- -D warnings".split(" "),
  },
  { name: "versions", lane: "node", command: ["node", "scripts/versions.mjs"] },
  { name: "eslint", lane: "node", command: ["node", eslint, "."] },
  { name: "prettier", lane: "node", command: ["node", prettier, "--check", "."] },
  { name: "types", lane: "node", command: nodeTest(...specs("types")), count: "node" },
  { name: "node API", lane: "node", built: true, command: nodeTest(...specs()), count: "node" },
  { name: "package", lane: "node", built: true, command: nodeTest(...specs("package")), count: "node" },
];
