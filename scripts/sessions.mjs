// Plays the sessions in pages, and writes the current output into the pages if it differs:
//
//   cargo build --workspace && node scripts/sessions.mjs docs/calling.md
//
// A person must shorten it with `…`. __test__/support/sessions.mjs has the rules.
import { readFileSync, writeFileSync } from "node:fs";

import { play } from "../__test__/support/sessions.mjs";

const QUIET_MS = 2500;

for (const file of process.argv.slice(2)) {
  writeFileSync(file, await play(readFileSync(file, "utf8"), QUIET_MS));
}
