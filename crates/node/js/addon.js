"use strict";
// The native addon of this platform. `process.dlopen` accepts any file name, such as cargo's.
const { nativePath } = require("../../../npm/platform.js");

process.dlopen(module, nativePath("addon"));
module.exports.printWith((isError, line) => console[isError ? "error" : "log"](line));
