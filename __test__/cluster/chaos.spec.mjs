// A small form of chaos.mjs: replicas behind nginx that are updated, killed and cut off while clients call.
import assert from "node:assert/strict";
import { test } from "node:test";

import { happen } from "./chaos.mjs";
import { scenarios } from "./scenarios.mjs";
import { missing } from "./world.mjs";

const skip = await missing();

const small = {
  "kill -9": 0.3,
  "replica cut off from all": 1,
  "rolling update": 0.3,
  "store killed, empty when it comes back": 1,
};

for (const [name, seconds] of Object.entries(small)) {
  test(`${name}: every call is answered once`, { skip }, async () => {
    const { counts, problems } = await happen(name, { clients: 2, seconds, slow: 200 });
    assert.deepEqual(problems, []);
    assert.ok(counts.result > 100, JSON.stringify(counts));
    if (scenarios[name].quiet) assert.deepEqual(Object.keys(counts), ["result"]);
  });
}
