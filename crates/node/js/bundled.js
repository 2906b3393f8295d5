"use strict";
// In an ES module bundle, `require` cannot load outside packages: reports that before anything else fails.
const BUNDLED =
  "mcp-proxy has a native part, which a bundle cannot hold. Leave the package out of the bundle " +
  "(esbuild: --external:mcp-proxy; bun: --external mcp-proxy; webpack: externals: { 'mcp-proxy': 'commonjs mcp-proxy' }; " +
  "Next.js: serverExternalPackages: ['mcp-proxy']) and install it where the bundle runs; " +
  "what bun build --compile makes needs it installed beside the executable";

try {
  require("node:fs");
} catch (cause) {
  throw new Error(BUNDLED, { cause });
}

module.exports = { BUNDLED };
