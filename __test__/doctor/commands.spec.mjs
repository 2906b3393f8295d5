// Commands with one fault: the doctor finds that fault under its code, and nothing else.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { broken, examine, run } from "./doctor.mjs";

const QUICK = ["--connectionTimeout", "2500"];
const directory = mkdtempSync(join(tmpdir(), "doctor-"));
after(() => rmSync(directory, { recursive: true }));

const file = (name, text, mode = 0o755) => {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

/** Faults in how a server is started: words, and the finding. */
const commands = {
  "a command that is not there": [["--", "no-such-command-anywhere"], ["MCPX0101"]],
  "a path that is not there": [["--", join(directory, "nothing")], ["MCPX0101"]],
  "a file without permission": [["--", file("locked", "#!/bin/sh\n", 0o644)], ["MCPX0102"]],
  "a folder": [["--", `${directory}/`], ["MCPX0102"]],
  "a working directory that is not there": [["--cwd", join(directory, "gone"), "--", process.execPath], ["MCPX0103"]],
  "a command line in one word": [["--", "node server.js --stdio"], ["MCPX0104"]],
  "a script that is not there": [["--", process.execPath, join(directory, "gone.js")], ["MCPX0105"]],
  "a script whose interpreter is not there": [
    ["--", file("strange", "#!/usr/bin/env no-such-interpreter\n")],
    ["MCPX0106"],
  ],
  "a script with the line ends of Windows": [["--", file("windows", "#!/bin/sh\r\necho\r\n")], ["MCPX0106"]],
  "a file that is not a program": [["--", file("data", "\u0000\u0001data")], ["MCPX0107"]],
  "an argument that was not filled in": [[...broken("healthy"), "--key", "${API_KEY}"], ["MCPX0108"]],
  "a variable that was not filled in": [["--env", "API_KEY=YOUR_API_KEY", ...broken("healthy")], ["MCPX0108"]],
  "a shell that does not know the command": [["--shell", "--", "no-such-command-anywhere --x"], ["MCPX0203"]],
};

/** Faults of a server, by the mode of `broken.mjs`. */
const servers = {
  exits: ["MCPX0202"],
  "lacks-module": ["MCPX0204"],
  "port-in-use": ["MCPX0205"],
  "serves-http": ["MCPX0206"],
  "lacks-variable": ["MCPX0208"],
  silent: ["MCPX0210"],
  buffered: ["MCPX0211"],
  banner: ["MCPX0301"],
  "noisy-calls": ["MCPX0301"],
  colours: ["MCPX0301", "MCPX0311"],
  "byte-order-mark": ["MCPX0303"],
  "content-length": ["MCPX0304"],
  indented: ["MCPX0305"],
  "utf-16": ["MCPX0306", "MCPX0401"],
  "no-line-end": ["MCPX0307"],
  "no-jsonrpc": ["MCPX0308"],
  "wrong-id": ["MCPX0310"],
  refuses: ["MCPX0402"],
  "no-version": ["MCPX0403"],
  "future-version": ["MCPX0404"],
  early: ["MCPX0409"],
  "asks-for-roots": ["MCPX0410"],
  "list-fails": ["MCPX0501"],
  "dotted-name": ["MCPX0503"],
  "long-name": ["MCPX0504"],
  "same-name": ["MCPX0505"],
  "no-name": ["MCPX0506"],
  "no-description": ["MCPX0507"],
  "long-description": ["MCPX0508"],
  "no-schema": ["MCPX0509"],
  "bad-schema": ["MCPX0510"],
  "any-of": ["MCPX0511"],
  "array-without-items": ["MCPX0512"],
  "remote-reference": ["MCPX0513"],
  "not-an-object": ["MCPX0514"],
  "too-many-tools": ["MCPX0515"],
  "endless-pages": ["MCPX0516"],
  "bad-uri": ["MCPX0517"],
  "bad-parameter": ["MCPX0518"],
  "hidden-text": ["MCPX0519"],
  nothing: ["MCPX0520"],
  undeclared: ["MCPX0521"],
  "no-ping": ["MCPX0601"],
  unreadable: ["MCPX0602"],
  "unknown-kills": ["MCPX0603"],
  stays: ["MCPX0701"],
  "leaves-process": ["MCPX0702"],
  crashes: ["MCPX0704"],
};

/** Notes, which are not faults. */
const notes = {
  "carriage-returns": "MCPX0302",
  "modern-kills": "MCPX0407",
  "unknown-ignored": "MCPX0408",
  "bad-exit": "MCPX0703",
};

const isError = ({ severity }) => severity === "error";

describe("a command", { concurrency: 2, skip: process.platform === "win32" }, () => {
  for (const [name, [words, expected]] of Object.entries(commands)) {
    test(`${name} is ${expected}`, async () => {
      const { code, codes, found } = await examine([...QUICK, ...words]);
      assert.deepEqual(codes, expected, JSON.stringify(found));
      assert.equal(code, found.some(isError) ? 6 : 0);
    });
  }

  for (const [mode, expected] of Object.entries(servers)) {
    test(`${mode} is ${expected}`, async () => {
      const { code, codes, found } = await examine([...QUICK, ...broken(mode)]);
      assert.deepEqual(codes, expected, JSON.stringify(found));
      assert.equal(code, found.some(isError) ? 6 : 0);
    });
  }

  for (const [mode, expected] of Object.entries(notes)) {
    test(`${mode} gets a note, ${expected}`, async () => {
      const { code, codes, notes: noted } = await examine([...QUICK, ...broken(mode)]);
      assert.deepEqual([code, codes], [0, []]);
      assert.ok(noted.includes(expected), noted.join());
    });
  }
});

describe("the report", () => {
  test("is text on standard output, with a remedy for each finding, and progress on standard error", async () => {
    const { code, stdout, stderr } = await run([...QUICK, ...broken("banner")]);
    assert.equal(code, 0);
    assert.match(stdout, /warning MCPX0301 .*\n.*Broken MCP server.*\n +→ Write banners/);
    assert.match(stdout, /\n1 warning\b/);
    for (const stage of ["resolve", "start", "handshake", "lists", "calls", "end", "output", "eras"]) {
      assert.match(stderr, new RegExp(`^[✓!✗] ${stage}\\b`, "m"));
    }
  });

  test("contains neither a peer's escape sequences nor secrets", async () => {
    const words = [...QUICK, ...broken("colours"), "--api-key", "s3cret"];
    const { stdout, stderr } = await run(words);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout + stderr, /\u001b|s3cret/);
  });

  test("is one JSON document with --json", async () => {
    const { report } = await examine([...QUICK, ...broken("bad-schema")]);
    assert.equal(report.version, 1);
    assert.deepEqual([report.ok, report.errors, report.warnings], [false, 1, 0]);
    const finding = report.servers[0].stages.flatMap((stage) => stage.findings).find(isError);
    assert.equal(finding.subject, "tool echo");
    assert.match(finding.text, /^inputSchema\/properties\/a\/type: /);
    assert.ok(finding.remedy && finding.title);
  });
});
