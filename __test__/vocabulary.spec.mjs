import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Client } from "@modelcontextprotocol/client";
import * as ours from "mcp-proxy";
import * as original from "mcp-proxy-original";

describe("resolveVersionNegotiation", () => {
  test("answers like the original, for any value", () => {
    for (const value of ["auto", "legacy", "modern", undefined, null, "other"]) {
      assert.deepEqual(ours.resolveVersionNegotiation(value), original.resolveVersionNegotiation(value));
    }
  });

  test("returns what the SDK's client accepts", () => {
    for (const value of ["auto", "legacy", "modern"]) {
      const versionNegotiation = ours.resolveVersionNegotiation(value);
      assert.ok(new Client({ name: "c", version: "1" }, { versionNegotiation }));
    }
  });
});

test("ServerType and DEFAULT_ALLOWED_HEADERS are the original's", () => {
  assert.deepEqual({ ...ours.ServerType }, { ...original.ServerType });
  assert.deepEqual(ours.DEFAULT_ALLOWED_HEADERS, original.DEFAULT_ALLOWED_HEADERS);
});
