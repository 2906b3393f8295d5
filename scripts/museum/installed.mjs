// What the museum needs from npm and PyPI, in target/museum; each package is installed once.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { root } from "../tools.mjs";
import { output } from "./bounded.mjs";

const place = join(root, "target/museum");
const INSTALL_MS = 300_000;

const install = (file, args) => output(file, args, { milliseconds: INSTALL_MS });

/** The folder for one npm package, with `node_modules` in it. */
async function npmFolder(name, version) {
  const folder = join(place, "npm", name.replaceAll("/", "+"));
  if (!existsSync(join(folder, "ready"))) {
    await mkdir(folder, { recursive: true });
    const wanted = version ? `${name}@${version}` : name;
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
    await install("npm", ["install", ...flags, wanted]);
    await writeFile(join(folder, "ready"), "");
  }
  return join(folder, "node_modules");
}

/** A Python environment with these packages. */
async function environment(packages) {
  const folder = join(place, "python", packages.join("+").replaceAll(/[^\w.+-]/g, "_"));
  if (!existsSync(join(folder, "ready"))) {
    await install("python3", ["-m", "venv", folder]);
    await install(join(folder, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", ...packages]);
    await writeFile(join(folder, "ready"), "");
  }
  return folder;
}

/** The words that start a server. */
export async function commandOf({ command = [], from, package: name, program, version, with: others = [] }) {
  const own = join(root, "node_modules/.bin", program);
  if (existsSync(own)) return [own, ...command];
  if (from === "npm") return [join(await npmFolder(name, version), ".bin", program), ...command];
  return [join(await environment([name, ...others]), "bin", program), ...command];
}

/** The words that start a client. */
export async function programOf({ example, needs, npm, program }) {
  const python = needs && join(await environment(needs), "bin/python");
  let file;
  if (npm) file = join(await npmFolder(npm[0]), npm[0], npm[1]);
  if (example) {
    await output("cargo", ["build", "--workspace", "--locked", "--example", example], {
      cwd: root,
      milliseconds: 4 * INSTALL_MS,
    });
    file = join(root, "target/debug/examples", example);
  }
  return program({ file, node: process.execPath, python });
}
