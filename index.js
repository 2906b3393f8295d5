"use strict";
// The public entry. index.d.ts is its contract; every name is exported by hand, so that `import` finds it too.
module.exports = {};
