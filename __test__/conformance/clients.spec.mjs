// The official suite's client scenarios that concern a proxy, with `client.mjs` and our stdio front.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);
const manifest = createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json");
const suite = join(dirname(manifest), "dist/index.js");
const client = fileURLToPath(new URL("client.mjs", import.meta.url));

const expected = JSON.parse(await readFile(new URL("expected.json", import.meta.url), "utf8"));

const SCENARIOS = {
  "2025-03-26": ["auth/2025-03-26-oauth-endpoint-fallback", "auth/2025-03-26-oauth-metadata-backcompat"],
  "2025-11-25": [
    "initialize",
    "tools_call",
    "sse-retry",
    "elicitation-sep1034-client-defaults",
    "json-schema-2020-12-preservation",
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/pre-registration",
    "auth/scope-from-scopes-supported",
    "auth/scope-from-www-authenticate",
    "auth/scope-omitted-when-undefined",
    "auth/scope-retry-limit",
    "auth/scope-step-up",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-none",
    "auth/token-endpoint-auth-post",
  ],
  "2026-07-28": [
    "auth/authorization-server-migration",
    "auth/iss-normalized",
    "auth/iss-not-advertised",
    "auth/iss-supported",
    "auth/iss-supported-missing",
    "auth/iss-unexpected",
    "auth/iss-wrong-issuer",
    "auth/metadata-issuer-mismatch",
    "auth/offline-access-not-supported",
    "auth/offline-access-scope",
    "auth/resource-mismatch",
    "auth/scope-step-up",
  ],
  extension: [
    "auth/client-credentials-basic",
    "auth/client-credentials-jwt",
    "auth/dpop",
    "auth/dpop-nonce",
    "auth/enterprise-managed-authorization",
    "auth/wif-jwt-bearer",
    "sep-2640-client-no-prefetch",
    "sep-2640-client-verify-digest",
    "sep-2640-client-verify-frontmatter",
    "sep-2640-client-verify-size",
  ],
};

/** 2026-07-28 scenarios in which our client of the older era must be translated. */
const CROSSING = [
  "http-custom-headers",
  "http-invalid-tool-headers",
  "http-standard-headers",
  "json-schema-2020-12-preservation",
  "json-schema-ref-no-deref",
  "request-metadata",
  "sep-2322-client-request-state",
];

for (const [revision, scenarios] of Object.entries(SCENARIOS)) {
  for (const scenario of scenarios) run(scenario, revision);
}
// Such a client is identified by the URL of its metadata.
run("auth/basic-cimd", "2026-07-28", { MCP_PROXY_CLIENT_ID: "https://conformance-test.local/client-metadata.json" });
for (const scenario of CROSSING) run(scenario, "2026-07-28", { MCP_PROXY_UPSTREAM_PROTOCOL: "modern" });

/** Warnings of a run: if a SHOULD is not kept, it must be listed with its reason. */
async function warnings(directory) {
  const entries = await readdir(directory, { recursive: true });
  const files = entries.filter((name) => name.endsWith("checks.json"));
  const checks = await Promise.all(
    files.map(async (name) => JSON.parse(await readFile(join(directory, name), "utf8"))),
  );
  const found = checks.flat().filter(({ status }) => status === "WARNING");
  return [...new Set(found.map(({ id }) => id))].sort();
}

function run(scenario, revision, environment) {
  test(`${scenario}, ${revision}`, async (t) => {
    const tokens = await mkdtemp(join(tmpdir(), "mcp-proxy-tokens-"));
    const checks = await mkdtemp(join(tmpdir(), "mcp-proxy-checks-"));
    t.after(() => Promise.all([tokens, checks].map((folder) => rm(folder, { force: true, recursive: true }))));
    const words = ["client", "--command", `${process.execPath} ${client}`, "--scenario", scenario];
    words.push("--output-dir", checks);
    if (revision !== "extension") words.push("--spec-version", revision);
    const env = { ...process.env, ...environment, MCP_PROXY_TEST_TOKENS: tokens };
    const outcome = await execute(process.execPath, [suite, ...words], { env }).catch((error) => error);
    assert.equal(outcome.code ?? 0, 0, `${outcome.stdout}${outcome.stderr}`);
    const known = expected.clients.warnings[`${scenario}, ${revision}`] ?? {};
    assert.deepEqual(await warnings(checks), Object.keys(known).sort(), outcome.stdout);
  });
}
