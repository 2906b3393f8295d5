// The client for the official suite's client scenarios: `client.mjs <url of their server>`. It speaks stdio to the
// proxy, which is what is tested, and does what each scenario requires.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { repositoryRoot } from "../support/proxy.mjs";
import { Stdio } from "../support/stdio.mjs";
import { load } from "./skill-host.mjs";

const url = process.argv[2];
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? "";
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");
const binary = process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy");

const flags = ["--headless", "--tokenStore", "file", "--tokenDir", process.env.MCP_PROXY_TEST_TOKENS];
if (context.client_id) flags.push("--clientId", context.client_id);
if (context.client_secret) flags.push("--clientSecret", context.client_secret);
if (context.private_key_pem) {
  const file = join(process.env.MCP_PROXY_TEST_TOKENS, "client.pem");
  await writeFile(file, context.private_key_pem);
  flags.push("--clientKey", file);
}
// A workload has its own assertion; a user's ID token must be exchanged for one first.
const assertion = context.valid_jwt ?? context.idp_id_token;
if (assertion) {
  const file = join(process.env.MCP_PROXY_TEST_TOKENS, "assertion.jwt");
  await writeFile(file, assertion);
  flags.push("--grant", "jwt-bearer", "--assertion", file);
}
if (context.idp_token_endpoint) {
  flags.push("--idpTokenEndpoint", context.idp_token_endpoint, "--idpClientId", context.idp_client_id);
}
if (scenario.includes("client-credentials")) flags.push("--grant", "client-credentials");

const answers = {
  "elicitation/create": ({ requestedSchema }) => {
    const given = Object.entries(requestedSchema.properties).filter(([, field]) => "default" in field);
    return { action: "accept", content: Object.fromEntries(given.map(([key, field]) => [key, field.default])) };
  },
};
// A user signs in: the suite's authorization server redirects the browser at once.
const complain = (line) => {
  if (/^\s+https?:\/\//.test(line)) fetch(line.trim()).catch(() => {});
};
const peer = new Stdio([binary, url, ...flags], { answers, complain });

const ask = async (method, params = {}) => JSON.parse(await peer.request(method, params)).result;

await peer.greet();
if (scenario.startsWith("sep-2640")) {
  const { skills } = await ask("skills/list");
  // A skill that is not loaded is not read.
  if (scenario.includes("verify")) await load(ask, skills[0]);
  process.exit(await peer.close());
}
const { tools = [] } = (await ask("tools/list")) ?? {};
// One scenario requires the schema that the client has read.
const value = (key) => (key === "schema" ? tools[0].inputSchema : 1);
const calls = tools.map(({ inputSchema, name }) => ({
  arguments: Object.fromEntries(Object.keys(inputSchema?.properties ?? {}).map((key) => [key, value(key)])),
  name,
}));
const made = (context.toolCalls ?? calls).map((call) => () => peer.call(call.name, call.arguments));
// Calls that ask questions must be told apart while they overlap.
if (scenario.includes("request-state")) await Promise.all(made.map((call) => call()));
else for (const call of made) await call();
if (scenario === "http-standard-headers") {
  for (const { uri } of (await ask("resources/list")).resources) await ask("resources/read", { uri });
  for (const { name } of (await ask("prompts/list")).prompts) await ask("prompts/get", { name });
}
process.exit(await peer.close());
