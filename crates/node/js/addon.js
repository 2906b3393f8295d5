"use strict";
// The native addon of this platform. `process.dlopen` accepts any file name, such as cargo's.
const { nativePath } = require("../../../npm/platform.js");
const { inOptions } = require("./in_options.js");

const OWN = "[mcp-proxy] ";

process.dlopen(module, nativePath("addon"));
module.exports.printWith((isError, line) =>
  console[isError ? "error" : "log"](line.startsWith(OWN) ? inOptions(line) : line),
);
