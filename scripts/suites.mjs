// The table of everything `npm test` runs. A new suite is a new line here.
//
//   lane     suites of one lane run one after the other, the lanes beside each other
//   built    true: waits for the development build (`cargo build --workspace`)
//   command  program and arguments, run at the repository's root; `node` is the running Node
//   node     the least line of Node it needs; npm brings a newer one where an older one is running
//   env      variables it needs
//   count    how to read the number of tests from the output; without it the suite counts as one
//   minutes  the suite is killed, with all it started, after this long (default 10); those that compile wait for
//            each other
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { hasNextest, root } from "./tools.mjs";

/** The tests of a folder of __test__, for `node --test`, which takes no patterns on Node 20. */
const specs = (folder = ".") =>
  readdirSync(join(root, "__test__", folder))
    .filter((name) => name.endsWith(".spec.mjs"))
    .map((name) => join("__test__", folder, name));

const nodeTest = (...files) => ["node", "--test", "--test-reporter=spec", ...files];

const eslint = "node_modules/eslint/bin/eslint.js";
const prettier = "node_modules/prettier/bin/prettier.cjs";

const nextest = hasNextest();

export const build = ["cargo", "build", "--workspace", "--locked"];

export const suites = [
  { name: "rust format", lane: "rust", command: ["cargo", "fmt", "--all", "--check"] },
  {
    name: "rust tests",
    lane: "rust",
    built: true,
    // A process for each test, and tests of all binaries beside each other; see .config/nextest.toml.
    command: nextest
      ? "cargo nextest run --workspace --locked --no-fail-fast".split(" ")
      : "cargo test --workspace --locked --no-fail-fast".split(" "),
    count: nextest ? "nextest" : "cargo",
    minutes: 20,
  },
  {
    // With the whole workspace, so that the dependencies are those of the build.
    name: "interleavings",
    lane: "rust",
    built: true,
    command: "cargo test --workspace --locked --features mcp-proxy-core/shuttle --lib interleavings".split(" "),
    count: "cargo",
    minutes: 20,
  },
  {
    name: "clippy",
    lane: "rust",
    built: true,
    command: "cargo clippy --workspace --all-targets --locked -- -D warnings".split(" "),
    minutes: 20,
  },
  { name: "versions", lane: "node", command: ["node", "scripts/versions.mjs"] },
  { name: "vocabulary", lane: "node", command: ["node", "scripts/vocabulary.mjs"] },
  { name: "eslint", lane: "node", command: ["node", eslint, "."] },
  { name: "prettier", lane: "node", command: ["node", prettier, "--check", "."] },
  { name: "types", lane: "node", command: nodeTest(...specs("types")), count: "node" },
  {
    name: "HTTP server",
    lane: "node",
    built: true,
    command: nodeTest(...specs("startHTTPServer")),
    count: "node",
  },
  { name: "node API", lane: "node", built: true, command: nodeTest(...specs()), count: "node" },
  {
    // Clients sign in at a real authorization server.
    name: "auth",
    lane: "node",
    built: true,
    node: 22,
    command: nodeTest(...specs("auth")),
    count: "node",
  },
  {
    name: "clients",
    lane: "node",
    built: true,
    command: nodeTest(...specs("clients")),
    count: "node",
    minutes: 15,
  },
  {
    // After the clients, whose Python it uses.
    name: "schemas",
    lane: "node",
    built: true,
    command: nodeTest(...specs("schemas")),
    count: "node",
    minutes: 25,
  },
  {
    name: "remote servers",
    lane: "node",
    built: true,
    command: nodeTest(...specs("remote")),
    count: "node",
    minutes: 15,
  },
  {
    name: "doctor",
    lane: "node",
    built: true,
    command: nodeTest(...specs("doctor")),
    count: "node",
  },
  {
    name: "conformance of the client",
    lane: "node",
    built: true,
    node: 22,
    command: nodeTest("__test__/conformance/clients.spec.mjs", "__test__/conformance/skills.spec.mjs"),
    count: "node",
  },
  {
    name: "conformance",
    lane: "node",
    built: true,
    node: 22,
    env: { MCP_PROXY_BIN: "target/debug/mcp-proxy" },
    // Every cell of the native proxy.
    command: [
      "node",
      "__test__/conformance/run.mjs",
      "--cells",
      "direct,proxy/dual-legacy,proxy/legacy-legacy,proxy/dual-modern",
    ],
    minutes: 15,
  },
  {
    name: "conformance of sessions",
    lane: "node",
    built: true,
    node: 22,
    env: { MCP_PROXY_BIN: "target/debug/mcp-proxy" },
    // With a server for each session, everything passes.
    command: [
      "node",
      "__test__/conformance/run.mjs",
      "--profile",
      "session",
      "--cells",
      "proxy/dual-legacy,proxy/legacy-legacy,proxy/dual-modern",
    ],
    minutes: 15,
  },
  {
    name: "conformance of remote servers",
    lane: "node",
    built: true,
    node: 22,
    env: { MCP_PROXY_BIN: "target/debug/mcp-proxy" },
    // Every pair of eras, over HTTP on both sides.
    command: ["node", "__test__/conformance/run.mjs", "--profile", "remote", "--cells", "remote"],
    minutes: 15,
  },
  {
    name: "conformance of merged servers",
    lane: "node",
    built: true,
    node: 22,
    env: { MCP_PROXY_BIN: "target/debug/mcp-proxy" },
    // One server and three, as one; servers of the older era are in the profile, too.
    command: ["node", "__test__/conformance/run.mjs", "--profile", "merged", "--cells", "merged-1/dual,merged-3/dual"],
    minutes: 15,
  },
  {
    name: "conformance of the node API",
    lane: "node",
    built: true,
    node: 22,
    env: { MCP_PROXY_PACKAGE: "index.js" },
    // Servers of both SDKs, with all scenarios.
    command: ["node", "__test__/conformance/run.mjs", "--profile", "api", "--cells", "api/", "--unscored"],
  },
  {
    // Replicas behind nginx, under accidents; the store with sentinels, and as a cluster. Skipped with a message if
    // nginx or redis-server is missing. `node __test__/cluster/chaos.mjs` is the large form.
    name: "replicas",
    lane: "node",
    built: true,
    command: nodeTest(...specs("cluster")),
    count: "node",
  },
  {
    // The SDKs' clients with three replicas; nginx gives each request to the next one. After the clients, whose Python
    // environment it uses.
    name: "clients of replicas",
    lane: "node",
    built: true,
    command: [
      "node",
      "__test__/cluster/behind.mjs",
      ...nodeTest("__test__/clients/typescript.spec.mjs", "__test__/clients/python.spec.mjs").slice(1),
    ],
  },
  {
    name: "conformance of replicas",
    lane: "node",
    built: true,
    node: 22,
    command: [
      "node",
      "__test__/cluster/behind.mjs",
      "__test__/conformance/run.mjs",
      "--profile",
      "session",
      "--cells",
      "proxy/dual-legacy/2025-11-25,proxy/legacy-legacy/2025-11-25",
    ],
  },
  {
    name: "tests of the original",
    lane: "node",
    built: true,
    command: ["node", "__test__/compat/run.mjs"],
    count: "node",
  },
  {
    // Real servers and clients, with and without the proxy; `node scripts/museum.mjs --all` is the whole matrix.
    name: "museum",
    lane: "node",
    built: true,
    command: ["node", "scripts/museum.mjs"],
  },
  {
    // Web pages in Debian's Chromium; skipped with a message if that is missing.
    name: "browser",
    lane: "node",
    built: true,
    command: nodeTest(...specs("browser")),
    count: "node",
  },
  { name: "FastMCP", lane: "node", built: true, command: nodeTest(...specs("fastmcp")), count: "node" },
  { name: "package", lane: "node", built: true, command: nodeTest(...specs("package")), count: "node" },
  { name: "tunnel", lane: "node", built: true, command: nodeTest(...specs("tunnel")), count: "node" },
  // Skipped with a message if Chromium is missing.
  { name: "page", lane: "node", built: true, command: nodeTest(...specs("page")), count: "node" },
];
