"use strict";
// The native addon of this platform. `process.dlopen` takes it under whatever name cargo gave it.
const { nativePath } = require("../../../npm/platform.js");

process.dlopen(module, nativePath("addon"));
module.exports.printWith((isError, line) => console[isError ? "error" : "log"](line));
