"use strict";
// In a bundle of ES modules `require` cannot reach what is outside: says so before anything else fails at it.
const BUNDLED =
  "mcp-proxy has a native part, which a bundle cannot hold. Leave the package out of the bundle " +
  "(esbuild, bun: --external:mcp-proxy; webpack: externals: { 'mcp-proxy': 'commonjs mcp-proxy' }; " +
  "Next.js: serverExternalPackages: ['mcp-proxy']) and install it where the bundle runs";

try {
  require("node:fs");
} catch (cause) {
  throw new Error(BUNDLED, { cause });
}

module.exports = { BUNDLED };
