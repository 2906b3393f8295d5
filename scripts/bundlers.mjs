// Programs in bundles of real bundlers, with the development build of the package inside or beside: each works, or fails
// with a sentence that says what to configure. The small form, with esbuild alone, is __test__/package/bundlers.spec.mjs.
//
//   cargo build --workspace && node scripts/bundlers.mjs    installs bundlers and Next.js into target/bundlers
//   node scripts/bundlers.mjs webpack bun                    cases whose names contain one of these words
//
// Exit code 1 if any case ends differently.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { cases } from "./bundlers/cases.mjs";
import { output } from "./museum/bounded.mjs";
import { root } from "./tools.mjs";

const MINUTE = 60_000;
const place = join(root, "target/bundlers");
const project = join(place, "project");
const packages = join(project, "node_modules");
/** Where the package is while it must not be found. */
const away = join(project, "away");
const words = process.argv.slice(2);

const PACKAGES = ["bun", "esbuild", "next", "react", "react-dom", "webpack", "webpack-cli"];
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|MCP_PROXY|NODE_OPTIONS$)/i.test(name))),
  NEXT_TELEMETRY_DISABLED: "1",
};

/** What a program prints, wherever it prints it and however it ends. */
const run = (file, args, cwd, milliseconds) =>
  output("sh", ["-c", '"$@" 2>&1 || echo "ended with $?"', "sh", file, ...args], {
    cwd,
    env: environment,
    milliseconds,
  });

async function install() {
  const out = join(place, "out");
  rmSync(away, { force: true, recursive: true });
  rmSync(out, { force: true, recursive: true });
  await run(process.execPath, [join(root, "npm/pack.js"), "--profile", "debug", "--out", out], root, MINUTE);
  const tarballs = readdirSync(out).filter((name) => name.endsWith(".tgz"));
  mkdirSync(project, { recursive: true });
  if (!existsSync(join(project, "package.json"))) writeFileSync(join(project, "package.json"), '{ "private": true }\n');
  // Two tarballs of one version may differ.
  for (const name of existsSync(packages) ? readdirSync(packages) : [])
    if (name.startsWith("mcp-proxy")) rmSync(join(packages, name), { recursive: true });
  const flags = ["--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
  await run(
    "npm",
    ["install", ...flags, ...PACKAGES, ...tarballs.map((name) => join(out, name))],
    project,
    10 * MINUTE,
  );
}

/** Moves the package and its native part from one folder to another. */
function move(from, to) {
  mkdirSync(from, { recursive: true });
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter((name) => name.startsWith("mcp-proxy")))
    renameSync(join(from, name), join(to, name));
}

const local = (word) => (word === "node" ? process.execPath : join(packages, ".bin", word));

function write(files) {
  for (const name of ["app", "dist", ".next"]) rmSync(join(project, name), { force: true, recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(project, name, ".."), { recursive: true });
    writeFileSync(join(project, name), text);
  }
}

/** Runs what was built, where it was built. */
const runHere = ([program, ...args]) => {
  const file = program.startsWith("./") ? join(project, program) : local(program);
  return run(file, args, project, MINUTE);
};

/** Runs what was built as if it was on another machine: some bundles know where the package was. */
async function runElsewhere([program, ...args], { beside, files, moved }) {
  const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-bundle-"));
  cpSync(join(project, moved), folder, { recursive: true });
  if (files["ask.mjs"]) writeFileSync(join(folder, "ask.mjs"), files["ask.mjs"]);
  move(packages, away);
  try {
    if (beside) cpSync(away, join(folder, "node_modules"), { recursive: true });
    const file = program.startsWith("./") ? join(folder, program) : local(program);
    return await run(file, args, beside ? tmpdir() : folder, MINUTE);
  } finally {
    move(away, packages);
    rmSync(folder, { force: true, recursive: true });
  }
}

/** What a case prints if that is not expected. */
async function attempt({ build: [bundler, ...args], expected, files, run: words, ...where }) {
  write(files);
  const built = await run(local(bundler), args, project, 10 * MINUTE);
  const printed = await (where.moved ? runElsewhere(words, { files, ...where }) : runHere(words));
  return expected.test(printed) ? undefined : `${built}${printed}`;
}

await install();
let failed = 0;
for (const one of cases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))) {
  const unexpected = await attempt(one).catch((error) => error.message);
  if (unexpected !== undefined) failed += 1;
  console.log(unexpected === undefined ? `✓ ${one.name}` : `✗ ${one.name}: ${unexpected.trim().slice(-600)}`);
}
console.log(failed === 0 ? "every bundle works, or says what to configure" : `${failed} bundles do neither`);
process.exitCode = failed === 0 ? 0 : 1;
