// The Python environment of the tests: `.venv` in the repository, made from the clients' `requirements.txt` if it is
// missing or outdated. Requires only `python3` (3.10 or newer), or the interpreter in PYTHON.

import { execFile } from "node:child_process";
import { copyFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { repositoryRoot } from "./proxy.mjs";

const run = promisify(execFile);
const ENVIRONMENT = join(repositoryRoot, ".venv");
const REQUIREMENTS = fileURLToPath(new URL("../clients/requirements.txt", import.meta.url));
const INSTALLED = join(ENVIRONMENT, "installed-requirements.txt");

/** The interpreter of an environment with exactly the packages in `requirements.txt`. */
export async function environment() {
  const python = join(ENVIRONMENT, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  const wanted = await readFile(REQUIREMENTS, "utf8");
  const installed = await readFile(INSTALLED, "utf8").catch(() => undefined);
  if (installed === wanted) return python;

  const base = process.env.PYTHON ?? "python3";
  await rm(ENVIRONMENT, { force: true, recursive: true });
  try {
    await run(base, ["-m", "venv", ENVIRONMENT]);
  } catch (error) {
    await withoutEnsurepip(base, error);
  }
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]);
  await copyFile(REQUIREMENTS, INSTALLED);
  return python;
}

/** Distributions may leave `ensurepip` out of `python3`; `virtualenv` then does the same job. */
async function withoutEnsurepip(base, cause) {
  try {
    await rm(ENVIRONMENT, { force: true, recursive: true });
    await run(base, ["-m", "virtualenv", "--quiet", ENVIRONMENT]);
  } catch {
    const hint = "install python3 with its venv module (Debian and Ubuntu: apt install python3-venv)";
    throw new Error(`cannot make a Python environment with ${base}: ${cause.message.trim()}\n${hint}`, { cause });
  }
}
