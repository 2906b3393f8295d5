"use strict";
// Makes what is published: the main package and one package per platform, as directories and as tarballs.
//
//   node npm/pack.js [--target TRIPLE] [--profile debug|release|dist] [--build] [--only main|platform] [--out DIR]
//                    [--limit BYTES]
//
// The defaults are this machine's platform, `release`, both packages, and `dist/npm`. Without --build the existing
// build of the addon and its loader is used. Fails if an installed package is larger than the limit.
const { execFileSync } = require("node:child_process");
const { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { join, resolve } = require("node:path");
const { parseArgs } = require("node:util");

const { cargoFileNames, fileNames, packageName } = require("./platform.js");

const root = resolve(__dirname, "..");
const manifest = require("../package.json");

const CPUS = { x86_64: "x64", aarch64: "arm64" };
const SYSTEMS = { linux: "linux", darwin: "darwin", windows: "win32" };

/** npm's name for the platform of a Rust target, and the name of its package. */
const platformOf = (target) => {
  const [arch, , system, abi] = target.split("-");
  const [cpu, os] = [CPUS[arch], SYSTEMS[system]];
  const libc = os === "linux" ? abi : undefined;
  return { cpu, os, libc, name: [manifest.name, os, cpu, libc].filter(Boolean).join("-") };
};

const hostTarget = () => {
  const name = packageName();
  const target = manifest.napi.targets.find((candidate) => platformOf(candidate).name === name);
  if (!target) throw new Error(`there is no package for this platform (it would be ${name})`);
  return target;
};

/** Fields that both kinds of package have. Provenance requires the repository's address. */
const shared = () => ({
  version: manifest.version,
  license: manifest.license,
  ...(process.env.GITHUB_REPOSITORY && {
    repository: { type: "git", url: `git+https://github.com/${process.env.GITHUB_REPOSITORY}.git` },
  }),
});

const mainManifest = () => {
  const { devDependencies, napi, scripts, ...published } = manifest;
  return {
    ...published,
    ...shared(),
    scripts: { postinstall: "node npm/postinstall.js" },
    optionalDependencies: Object.fromEntries(napi.targets.map((target) => [platformOf(target).name, manifest.version])),
  };
};

const platformManifest = ({ cpu, libc, name, os }) => ({
  name,
  ...shared(),
  description: `Native parts of ${manifest.name} for ${[os, cpu, libc].filter(Boolean).join(" ")}.`,
  os: [os],
  cpu: [cpu],
  ...(libc && { libc: [libc === "gnu" ? "glibc" : libc] }),
  engines: manifest.engines,
  files: Object.values(fileNames(os)),
  preferUnplugged: true,
});

/** An empty directory for a package, with its manifest and the licence. */
const stage = (out, content) => {
  const directory = join(out, content.name);
  rmSync(directory, { force: true, recursive: true });
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "package.json"), `${JSON.stringify(content, null, 2)}\n`);
  copyFileSync(join(root, "LICENSE"), join(directory, "LICENSE"));
  return directory;
};

const stageMain = (out) => {
  const directory = stage(out, mainManifest());
  for (const file of [...manifest.files, "README.md"]) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(directory, file), { recursive: true });
  }
  chmodSync(join(directory, manifest.bin[manifest.name]), 0o755);
  return directory;
};

/** The directory where cargo puts the build of `profile`, in the target's own folder if one was requested. */
const buildDirectory = ({ profile, target }) =>
  join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), target ?? "", profile);

const stagePlatform = (out, options) => {
  const platform = platformOf(options.target ?? hostTarget());
  const directory = stage(out, platformManifest(platform));
  const [{ addon, loader }, published] = [cargoFileNames(platform.os), fileNames(platform.os)];
  for (const [from, to] of [
    [addon, published.addon],
    [loader, published.executable],
  ]) {
    copyFileSync(join(buildDirectory(options), from), join(directory, to));
    chmodSync(join(directory, to), 0o755);
  }
  return directory;
};

const cargoBuild = ({ profile, target }) => {
  const args = ["build", "--locked", "--package", "mcp-proxy-node", "--package", "mcp-proxy-loader"];
  const how = ["--profile", profile === "debug" ? "dev" : profile, ...(target ? ["--target", target] : [])];
  execFileSync("cargo", [...args, ...how], { cwd: root, stdio: "inherit" });
};

/** Runs `npm pack` on a staged directory; returns the installed size of the package in bytes. */
const pack = (out, directory) => {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["pack", "--json", "--ignore-scripts", "--loglevel=error", "--pack-destination", out];
  const options = { cwd: directory, encoding: "utf8", shell: process.platform === "win32" };
  const [{ filename, size, unpackedSize }] = Object.values(JSON.parse(execFileSync(npm, args, options)));
  console.log(`${filename}: ${size} bytes, ${unpackedSize} unpacked`);
  return unpackedSize;
};

const { values } = parseArgs({
  options: {
    build: { type: "boolean", default: false },
    limit: { type: "string" },
    only: { type: "string" },
    out: { type: "string", default: join(root, "dist", "npm") },
    profile: { type: "string", default: "release" },
    target: { type: "string" },
  },
});

const out = resolve(values.out);
if (values.build) cargoBuild(values);
const directories = [];
if (values.only !== "platform") directories.push(stageMain(out));
if (values.only !== "main") directories.push(stagePlatform(out, values));
const installed = directories.map((directory) => pack(out, directory)).reduce((sum, size) => sum + size);
console.log(`installed: ${installed} bytes`);
if (!(installed <= Number(values.limit ?? Infinity))) {
  console.error(`that is more than ${values.limit}`);
  process.exitCode = 1;
}
