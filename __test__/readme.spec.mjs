// Compares the documents with what they describe.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";

import { blocksOf, pages, play } from "./support/sessions.mjs";
import { flagTables, help, readTables } from "../scripts/flags.mjs";
import { root } from "../scripts/tools.mjs";

describe("the tables of flags", () => {
  test("are those that the help makes (`node scripts/flags.mjs` writes them)", () => {
    assert.equal(readTables().tables, flagTables(help()));
  });

  test("name every flag of the help with its default, and no other", () => {
    const { tables } = readTables();
    const rows = [...tables.matchAll(/^\| `--(\w+)[^|]*\| (?:`([^`]*)`)? ?\|/gm)];
    const documented = Object.fromEntries(rows.map(([, name, standard]) => [name, standard]));
    const lines = help().matchAll(/^(?: {6}| {2}-\w, )--(\w+)( <[^>]+>)? .*$/gm);
    for (const [line, name, value] of lines) {
      assert.ok(name in documented, `--${name} is not in docs/flags.md`);
      const [, standard = value || /help|version/.test(name) ? undefined : "false"] =
        /\[default: ([^\];]+)/.exec(line) ?? [];
      assert.equal(documented[name], standard, `default of --${name}`);
      delete documented[name];
    }
    assert.deepEqual(Object.keys(documented), []);
  });
});

/** The anchor of a heading. */
const anchor = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");

describe("the links between the documents", () => {
  const documents = [".", "docs"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name)),
  );
  const read = (name) => readFileSync(join(root, name), "utf8").replace(/^```.*?^```/gms, "");

  for (const name of documents) {
    test(`${name} links to what is there`, () => {
      const links = [...read(name).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
      for (const [, file, section] of links) {
        const target = file ? join(dirname(name), file) : name;
        assert.ok(existsSync(join(root, target)), `${name}: ${file} does not exist`);
        if (!section) continue;
        const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading));
        assert.ok(headings.includes(section), `${name}: ${file || name} has no section #${section}`);
      }
    });
  }

  const pages = readdirSync(join(root, "docs")).filter((file) => /(?<!README|SUMMARY)\.md$/.test(file));

  for (const index of ["docs/README.md", "docs/SUMMARY.md"]) {
    test(`every page is in ${index}`, () => {
      const text = read(index);
      for (const name of pages) assert.ok(text.includes(`](${name})`), `${name} is not in ${index}`);
    });
  }

  test("the README stays a page", () => {
    assert.ok(readFileSync(join(root, "README.md")).length <= 10_000);
  });
});

describe("the command lines in the documents", () => {
  const known = new Set([...help().matchAll(/^(?: {6}| {2}-\w, )--(\w+)/gm)].map(([, name]) => name));
  const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
  const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => join("docs", name))];

  /** The command lines of a document that start this proxy; `# there` marks those of another proxy. */
  const commandLines = (text) =>
    [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) => {
      let ours = true;
      return block.split("\n").filter((line) => {
        if (/^# (there|here)/.test(line)) ours = line.startsWith("# here");
        return ours && /^([A-Z_]+=\S+ )*(npx )?mcp-proxy /.test(line);
      });
    });

  for (const name of documents.filter((file) => file.endsWith(".md"))) {
    test(`of ${name} name flags that exist`, () => {
      for (const line of commandLines(readFileSync(join(root, name), "utf8"))) {
        const words = line.replace(/^.*?mcp-proxy /, "").split(/ -- | #/)[0];
        for (const [, flag] of words.matchAll(/(?:^| )--(?:no-)?([a-zA-Z][\w-]*)/g)) {
          if (/[^-\w](npx|node|uvx|python) /.test(` ${words.slice(0, words.indexOf(`--${flag}`))}`)) break;
          assert.ok(known.has(camel(flag)), `${name}: --${flag} in ${line}`);
        }
      }
    });
  }
});

test("the flags that the migration pages name exist", () => {
  const known = new Set([...help().matchAll(/^(?: {6}| {2}-\w, )--(\w+)/gm)].map(([, name]) => name));
  const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
  for (const name of pages().filter((page) => /migrating-from/.test(page))) {
    const rows = [...readFileSync(join(root, name), "utf8").matchAll(/^\|[^|]*\|([^|]*)\|/gm)];
    for (const [row, ours] of name.includes("npm") ? [] : rows) {
      for (const [, flag] of ours.matchAll(/--(?:no-)?([a-zA-Z][\w-]*)/g)) {
        assert.ok(known.has(camel(flag)), `${name}: --${flag} in ${row}`);
      }
    }
  }
});

describe("the messages that the documents quote", () => {
  const folders = [
    "crates/cli/src",
    "crates/core/src",
    "crates/jsonrpc/src",
    "crates/node/src",
    "crates/node/js",
    "npm",
  ];
  // A text in a test would count as present, although nothing else has it.
  const sources = folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((file) => join(folder, file)))
    .filter((file) => /\.(rs|js)$/.test(file) && !/tests?(\/|\.rs$)/.test(file));
  const corpus = sources
    .map((file) => readFileSync(join(root, file), "utf8"))
    .map((text) =>
      text
        .replace(/#\[cfg\(test\)\]\nmod tests? \{.*$/s, "")
        .replace(/\\\n\s*/g, "")
        .replaceAll('\\"', '"'),
    )
    .join("\n");

  /** The parts of a quoted message that the sources contain literally: between `…`, and outside of quotes. */
  const parts = (message) => message.split(/…|"[^"]*"/).map((part) => part.trim());

  for (const [name, column] of [
    ["docs/troubleshooting.md", /^\| (.*?) \|/gm],
    ["docs/errors.md", /^\| (?:\d{3} \| )?(.*?) \|/gm],
  ]) {
    test(`of ${name} are in the sources`, () => {
      const cells = [...readFileSync(join(root, name), "utf8").matchAll(column)].map(([, cell]) => cell);
      const messages = cells.flatMap((cell) => [...cell.matchAll(/`([^`]* [^`]*)`/g)].map(([, message]) => message));
      assert.ok(messages.length > 15);
      assert.deepEqual(
        messages.flatMap(parts).filter((part) => !corpus.includes(part)),
        [],
      );
    });
  }
});

describe("the sessions in the documents", { concurrency: 2 }, () => {
  const has = (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
  const missing = ["bash", "curl", "openssl"].filter((program) => !has(program));
  const skip = missing.length > 0 && `needs ${missing.join(", ")}`;

  for (const name of pages()) {
    const text = readFileSync(join(root, name), "utf8");
    if (blocksOf(text).length === 0) continue;
    test(
      `of ${name} print what it shows (\`node scripts/sessions.mjs ${name}\` writes what they print)`,
      { skip },
      () => play(text),
    );
  }
});

// Lists of words and numbers have no session to show.
const withoutSession = /(?:README|SUMMARY|glossary|benchmarks|compatibility)\.md$/;

for (const name of pages().filter((page) => !withoutSession.test(page))) {
  test(`${name} shows a session`, () => {
    assert.ok(blocksOf(readFileSync(join(root, name), "utf8")).length > 0);
  });
}
