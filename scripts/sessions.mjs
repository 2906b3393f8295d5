// Plays the sessions that pages show and writes into the pages what is printed now, where it is something else:
//
//   cargo build --workspace && node scripts/sessions.mjs docs/calling.md
//
// What can be shortened with `…` is for a person to say. __test__/support/sessions.mjs has the rules.
import { readFileSync, writeFileSync } from "node:fs";

import { play } from "../__test__/support/sessions.mjs";

const QUIET_MS = 2500;

for (const file of process.argv.slice(2)) {
  writeFileSync(file, await play(readFileSync(file, "utf8"), QUIET_MS));
}
