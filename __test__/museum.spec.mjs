// What the museum calls a difference.
import assert from "node:assert/strict";
import { test } from "node:test";

import { difference } from "../scripts/museum/difference.mjs";

test("differences are found, except for those that belong to the revision", () => {
  for (const [one, other, found] of [
    [1, 1, undefined],
    [1, 2, ".: 1 directly, 2 through the proxy"],
    [{ a: 1 }, { a: 1 }, undefined],
    [{ a: 1 }, {}, ".a: 1 directly, nothing through the proxy"],
    [{}, { a: null }, ".a: nothing directly, null through the proxy"],
    [{ a: [1, 2] }, { a: [1, 3] }, ".a.1: 2 directly, 3 through the proxy"],
    [{ a: [1] }, { a: [1, 2] }, ".a.1: nothing directly, 2 through the proxy"],
    [[], {}, ".: [] directly, {} through the proxy"],
    [{ a: "1" }, { a: 1 }, '.a: "1" directly, 1 through the proxy'],
    [{ a: { _meta: 1, b: 2 } }, { a: { b: 2 } }, undefined],
    [{ a: 1, resultType: "complete", ttlMs: 0 }, { a: 1 }, undefined],
    [{ tools: [{ name: "a" }] }, { tools: [] }, '.tools.0: {"name":"a"} directly, nothing through the proxy'],
  ]) {
    assert.equal(difference(one, other), found);
  }
});
