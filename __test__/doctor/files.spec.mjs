// Files with many servers: all of them are examined concurrently.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { broken, examine } from "./doctor.mjs";

const directory = mkdtempSync(join(tmpdir(), "doctor-file-"));
after(() => rmSync(directory, { recursive: true }));

const file = (name, text) => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

const server = (mode) => {
  const [, command, ...args] = broken(mode);
  return { command, args };
};

const codesOf = ({ stages }) => stages.flatMap(({ findings }) => findings.map(({ code }) => code));

describe("a file", () => {
  test("has all its servers examined, in their order", async () => {
    const mcpServers = {
      well: server("healthy"),
      loud: server("banner"),
      gone: { command: "no-such-command-anywhere" },
      off: { ...server("healthy"), disabled: true },
      unset: { ...server("healthy"), env: { KEY: "${DOCTOR_UNSET_VARIABLE}" } },
    };
    const { code, report, stderr } = await examine(["--config", file("mcp.json", JSON.stringify({ mcpServers }))]);
    const found = Object.fromEntries(report.servers.map((one) => [one.server, codesOf(one)]));
    assert.deepEqual(
      found,
      { well: [], loud: ["MCPX0301"], gone: ["MCPX0101"], off: ["MCPX0903"], unset: ["MCPX0902"] },
      stderr,
    );
    assert.deepEqual(Object.keys(found), Object.keys(mcpServers));
    assert.equal(code, 6);
    assert.match(stderr, /^✓ well +handshake/m);
  });

  test("that cannot be parsed is MCPX0901, with line and column", async () => {
    const path = file("bad.json", '{ "mcpServers": { "a": { "command": 5 } } ');
    const { code, codes, found } = await examine(["--config", path]);
    assert.deepEqual([code, codes], [6, ["MCPX0901"]]);
    assert.match(found[0].text, /bad\.json:\d+:\d+/);
  });
});
