// Compiles the programs beside this file with tsc, their libraries checked too.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

import { root } from "../../scripts/tools.mjs";

const here = join(root, "__test__/types");
const modules = join(root, "node_modules");

/** The errors of tsc over one program in `directory`, empty if it compiles. */
const compile = (directory, program, options) => {
  const config = join(directory, "tsconfig.json");
  const compilerOptions = { noEmit: true, skipLibCheck: false, strict: true, target: "es2022", types: ["node"], ...options };
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [program] }));
  return new Promise((resolve) => {
    execFile(process.execPath, [join(modules, "typescript/bin/tsc"), "-p", config], (_, stdout) => resolve(stdout));
  });
};

/** A project that has only these packages; a folder elsewhere may take the place of "mcp-proxy". */
const project = (context, packages, mcpProxy) => {
  const directory = mkdtempSync(join(tmpdir(), "mcp-proxy-types-"));
  context.after(() => rmSync(directory, { force: true, recursive: true }));
  return directory;
};
