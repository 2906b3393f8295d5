// Runs the tests that the original publishes against this package, packed and installed.
//
//   node __test__/compat/run.mjs [VERSION...]
//
// The tests come from the original's own packages, which are development dependencies. Whatever fails must be listed in
// known-differences.json, and whatever is listed must fail.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { installPackages, root } from "../../scripts/tools.mjs";
import { cleanEnvironment, installIn, packDevelopmentBuild } from "../package/support.mjs";
import { freePort } from "../support/port.mjs";
import { suites } from "./suites.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const IMPORT = /(\bfrom\s+|\bimport\(\s*)"(\.{1,2}\/[^"]+)"/g;

/** The tests' certificates, which are not published. */
const makeCertificates = (directory) => {
  mkdirSync(directory, { recursive: true });
  const openssl = (...args) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
  const key = (name) => ["-newkey", "rsa:2048", "-nodes", "-keyout", `${name}-key.pem`];
  openssl("req", "-x509", "-days", "3650", ...key("ca"), "-out", "ca-cert.pem", "-subj", "/CN=Test CA");
  writeFileSync(join(directory, "leaf"), "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n");
  for (const [name, subject] of [
    ["server", "localhost"],
    ["client", "test-client"],
  ]) {
    openssl("req", "-new", ...key(name), "-out", `${name}.csr`, "-subj", `/CN=${subject}`);
    const authority = ["-CA", "ca-cert.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "leaf"];
    openssl("x509", "-req", "-days", "3650", "-in", `${name}.csr`, ...authority, "-out", `${name}-cert.pem`);
  }
};

/** A test file with its imports replaced and its unsuitable tests skipped. */
const adapt = (text, { edits, imports, skipped }) => {
  const edited = edits.reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
  // Only strings with a variable in them have to become templates.
  const templated = edited.replace(/"([^"\n]*\$\{process\.env[^"\n]*)"/g, "`$1`");
  const resolved = templated.replace(IMPORT, (all, before, name) => {
    if (!Object.hasOwn(imports, name)) throw new Error(`nothing stands for the import of ${name}`);
    return `${before}"${imports[name]}"`;
  });
  const isSkipped = (title) => Object.hasOwn(skipped, title);
  return resolved.replace(/\bit\((\s*)"([^"]+)"/g, (all, space, title) =>
    isSkipped(title) ? `it.skip(${space}"${title}"` : all,
  );
};

/** Puts the files of `suite` into `project`. */
const write = (suite, project) => {
  const from = join(root, "node_modules", suite.package, "src");
  const to = join(project, "src");
  rmSync(to, { force: true, recursive: true });
  makeCertificates(join(to, "fixtures/certs"));
  cpSync(join(here, "createProxyServer.mjs"), join(to, "createProxyServer.mjs"));
  for (const name of readdirSync(from).filter((file) => file.endsWith(".test.ts") && !suite.left[file])) {
    writeFileSync(join(to, name), adapt(readFileSync(join(from, name), "utf8"), suite));
  }
  for (const name of readdirSync(join(from, "fixtures")).filter((file) => file.endsWith(".ts"))) {
    const text = readFileSync(join(from, "fixtures", name), "utf8");
    writeFileSync(join(to, "fixtures", name), text.replace(/"\.\.\/\w+\.js"/g, '"mcp-proxy"'));
  }
};

/** Runs the tests in `project`; returns the result of each. */
const runTests = async (project) => {
  const report = join(project, "report.json");
  rmSync(report, { force: true });
  const { status } = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run"], {
    cwd: project,
    env: {
      ...cleanEnvironment(`${join(project, "node_modules/.bin")}:${process.env.PATH}`),
      CI: "1",
      EXAMPLE_PORT: String(await freePort()),
      NODE_OPTIONS: `--require ${join(here, "listen-elsewhere.cjs")}`,
    },
    stdio: "inherit",
  });
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const outcomes = testResults.flatMap(({ assertionResults, message, name, status }) => {
    const file = relative(join(project, "src"), name);
    if (assertionResults.length === 0) return [{ error: message, name: file, status }];
    return assertionResults.map(({ ancestorTitles, failureMessages, status, title }) => ({
      error: failureMessages[0],
      name: [file, ...ancestorTitles, title].filter(Boolean).join(" > "),
      status,
    }));
  });
  return { outcomes, status };
};

/** Compares the results with the known differences; returns the lines to print. */
const judge = ({ outcomes, status }, known) => {
  const names = new Map(known.map(({ reason, test }) => [test, reason]));
  const failed = outcomes.filter((one) => one.status === "failed");
  const wrong = failed.filter(({ name }) => !names.has(name)).map(({ error, name }) => `${name}\n    ${error}`);
  for (const name of names.keys()) {
    if (!failed.some((one) => one.name === name)) wrong.push(`${name}\n    is a known difference, and did not fail`);
  }
  // Errors outside of any test, such as unhandled rejections.
  if (status !== 0 && failed.length === 0) wrong.push(`vitest ended with ${status}`);
  return { differing: failed.length, passed: outcomes.filter((one) => one.status === "passed").length, wrong };
};

const project = mkdtempSync(join(tmpdir(), "mcp-proxy-compat-"));
process.on("exit", () => rmSync(project, { force: true, recursive: true, maxRetries: 5 }));
installPackages(here);
installIn(project, Object.values(packDevelopmentBuild(join(project, "tarballs"))));
for (const name of readdirSync(join(here, "node_modules"))) {
  if (name === ".bin") cpSync(join(here, "node_modules/.bin"), join(project, "node_modules/.bin"), { recursive: true });
  else if (!name.startsWith(".")) symlinkSync(join(here, "node_modules", name), join(project, "node_modules", name));
}
writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
writeFileSync(
  join(project, "vitest.config.mjs"),
  `export default { test: {
  hookTimeout: 30_000, include: ["src/*.test.ts"], maxWorkers: 2, outputFile: "report.json", pool: "forks",
  reporters: ["dot", "json"], testTimeout: 20_000,
} };\n`,
);

const differences = JSON.parse(readFileSync(join(here, "known-differences.json"), "utf8"));
const totals = { failed: 0, passed: 0 };
const versions = process.argv.slice(2);
for (const suite of suites.filter(({ version }) => versions.length === 0 || versions.includes(version))) {
  write(suite, project);
  const known = differences.filter((difference) => difference.suite === suite.version);
  const { differing, passed, wrong } = judge(await runTests(project), known);
  for (const line of wrong) console.log(`✖ ${suite.version}: ${line}`);
  const left = Object.keys({ ...suite.left, ...suite.skipped }).length;
  console.log(`mcp-proxy ${suite.version}: ${passed} pass, ${differing} differ, ${left} files and tests cannot be run`);
  totals.passed += passed;
  totals.failed += wrong.length;
}
console.log(`ℹ pass ${totals.passed}\nℹ fail ${totals.failed}`);
process.exitCode = totals.failed === 0 ? 0 : 1;
