// Compiles the programs in this folder with tsc; also checks their libraries' declarations.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { root } from "../../scripts/tools.mjs";

const modules = join(root, "node_modules");

/** A folder with these programs and only these npm packages: their names there, and their folders here. */
const project = (context, programs, packages) => {
  const directory = mkdtempSync(join(tmpdir(), "mcp-proxy-types-"));
  context.after(() => rmSync(directory, { force: true, recursive: true }));
  for (const name of programs) copyFileSync(join(root, "__test__/types", name), join(directory, name));
  mkdirSync(join(directory, "node_modules/@types"), { recursive: true });
  for (const [name, folder] of Object.entries({ "@types/node": "@types/node", ...packages })) {
    symlinkSync(join(modules, folder), join(directory, "node_modules", name), "junction");
  }
  return directory;
};

/** Puts our published declarations into a project. */
const addOurs = (directory) => {
  const ours = join(directory, "node_modules/mcp-proxy");
  mkdirSync(ours);
  for (const name of ["package.json", "index.d.ts"]) copyFileSync(join(root, name), join(ours, name));
  return directory;
};

/** What tsc says about the programs: nothing if they compile. */
const compile = (directory, files) => {
  const config = join(directory, "tsconfig.json");
  const options = { module: "nodenext", noEmit: true, strict: true, target: "es2022", types: ["node"] };
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...options, skipLibCheck: false }, files }));
  return new Promise((resolve) => {
    execFile(process.execPath, [join(modules, "typescript/bin/tsc"), "-p", config], (_, stdout) => resolve(stdout));
  });
};

const sdks = { "@modelcontextprotocol": "@modelcontextprotocol" };

for (const [sdk, original] of Object.entries({ v1: "mcp-proxy-original-v1", v2: "mcp-proxy-original" })) {
  const program = `program-${sdk}.mts`;

  test(`the program for ${original} is one`, async (t) => {
    assert.equal(await compile(project(t, [program], { ...sdks, "mcp-proxy": original }), [program]), "");
  });

  test(`it compiles with ours, and the declarations of both are assignable to each other`, async (t) => {
    const files = [program, `parity-${sdk}.mts`, "assignable.mts"];
    assert.equal(await compile(addOurs(project(t, files, { ...sdks, [original]: original })), files), "");
  });
}

test("no SDK is needed, and wrong options are refused", async (t) => {
  assert.equal(await compile(addOurs(project(t, ["bare.cts"])), ["bare.cts"]), "");
});

test("the programs of docs/node-api.md compile", async (t) => {
  const directory = addOurs(project(t, [], sdks));
  const blocks = [...readFileSync(join(root, "docs/node-api.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)];
  assert.ok(blocks.length > 0);
  const files = blocks.map(([, program], index) => {
    const name = `readme-${index}.mts`;
    writeFileSync(join(directory, name), program);
    return name;
  });
  assert.equal(await compile(directory, files), "");
});
