"use strict";
// Finds the native parts: in a checkout the latest build of cargo, otherwise this platform's package.
const { existsSync, statSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname, join } = require("node:path");

/** Whether a bundler has put this file into another one; some give it a path that does not exist. */
const isBundled =
  typeof __filename !== "string" || !__filename.endsWith(join("npm", "platform.js")) || !existsSync(__filename);

const root = isBundled ? undefined : dirname(__dirname);

const libc = () => {
  // Without this, a report resolves the name of every peer of every socket.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl";
};

/** Name of this platform's package, for example `mcp-proxy-linux-x64-musl`. */
exports.packageName = () => {
  const platform = `mcp-proxy-${process.platform}-${process.arch}`;
  return process.platform === "linux" ? `${platform}-${libc()}` : platform;
};

/** File names of the addon and of the executable in a platform's package; the executable runs the addon's code. */
exports.fileNames = (os = process.platform) => ({
  addon: "mcp-proxy.node",
  executable: os === "win32" ? "mcp-proxy.exe" : "mcp-proxy",
});

/** Cargo's names for the addon, a self-contained executable, and the published one that needs the addon. */
exports.cargoFileNames = (os = process.platform) => ({
  addon: { darwin: "libmcp_proxy_node.dylib", win32: "mcp_proxy_node.dll" }[os] ?? "libmcp_proxy_node.so",
  executable: exports.fileNames(os).executable,
  loader: os === "win32" ? "mcp-proxy-loader.exe" : "mcp-proxy-loader",
});

const newest = (files) =>
  files
    .filter((file) => existsSync(file))
    .map((file) => ({ file, time: statSync(file).mtimeMs }))
    .sort((a, b) => b.time - a.time)[0]?.file;

const fromCargo = (part) => {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  const file = newest(["debug", "release"].map((profile) => join(target, profile, exports.cargoFileNames()[part])));
  if (!file) throw new Error("mcp-proxy is not built: run `cargo build --workspace` first");
  return file;
};

/** Where packages are looked for: beside this file; or beside the bundle, its start directory and its executable. */
const places = () => {
  if (!isBundled) return [__filename];
  const known = [process.argv[1] ?? "", join(process.cwd(), "index.js"), process.execPath];
  return known.filter((place) => place.startsWith("/") || place.includes(":"));
};

/** Full path of a package's manifest; written so that bundlers do not see the request. */
const manifestOf = (name) => {
  let missing;
  for (const place of places()) {
    try {
      return createRequire(place).resolve(`${name}/package.json`);
    } catch (error) {
      missing ??= error;
    }
  }
  throw missing;
};

const fromPackage = (part) => {
  const name = exports.packageName();
  try {
    return join(dirname(manifestOf(name)), exports.fileNames()[part]);
  } catch (cause) {
    if (isBundled) throw new Error(require("../crates/node/js/bundled.js").BUNDLED, { cause });
    throw new Error(
      `mcp-proxy has no native part here: the package ${name} is not installed. ` +
        "Install without --omit=optional / --no-optional, on the platform that will run it " +
        "(a node_modules copied from another system does not work). " +
        "A Next.js build with output: 'standalone' copies it with " +
        "outputFileTracingIncludes: { '/*': ['./node_modules/mcp-proxy-*/**'] }. " +
        "If there is no such package, this platform is not supported; `cargo install` may still work.",
      { cause },
    );
  }
};

const find = root && existsSync(join(root, "Cargo.toml")) ? fromCargo : fromPackage;

/** Full path of this platform's `"addon"` or `"executable"`; throws if it is not there. */
exports.nativePath = (part) => find(part);
