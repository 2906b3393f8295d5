// Writes the tables of flags in docs/flags.md, from `mcp-proxy --help`, and docs/config.schema.json, from `mcp-proxy
// --configSchema`. Run it after a flag has changed:
//
//   cargo build && node scripts/flags.mjs
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { root } from "./tools.mjs";

const { nativePath } = createRequire(import.meta.url)("../npm/platform.js");
const START = "<!-- flags:start -->\n";
const END = "<!-- flags:end -->";

/** The latest build's help, one line for each flag. */
export const help = () => {
  const text = execFileSync(nativePath("executable"), ["--help"], { encoding: "utf8" });
  return text.replaceAll("\r", "").replace(/\n {8,}/g, " ");
};

/** The name, text, choices and default of a flag's line; `undefined` for any other line. */
const flagOf = (line) => {
  const found = /^(?: {6}| {2}-\w, )--(?<name>\w+)(?<value> <[^>]+>)?\s+(?<rest>.*)$/.exec(line)?.groups;
  if (!found) return undefined;
  const { name, value = "", rest } = found;
  const [, choices] = /\[choices: ((?:\[[^\]]*\]|[^\]])*)\]/.exec(rest) ?? [];
  const [, standard] = /\[default: ([^\];]*)/.exec(rest) ?? [];
  const [, off] = /; (--no-\w+ turns it off)\]/.exec(rest) ?? [];
  const text = rest.replace(/ ?\[(choices|default): (?:\[[^\]]*\]|[^\]])*\]/g, "");
  return { choices: choices?.split(", "), name, off, standard, text, value };
};

const code = (text) => `\`${text}\``;
const flagNames = (text) => text.replace(/--[\w-]+/g, code);

const row = ({ choices, name, off, standard, text, value }) => {
  const parts = [text, choices && `one of ${choices.map(code).join(", ")}`, off].filter(Boolean);
  const fallback = standard ?? (value || name === "help" || name === "version" ? undefined : "false");
  const meaning = flagNames(parts.join("; ")).replaceAll("|", "\\|").replaceAll("*", "\\*");
  return `| ${code(`--${name}${value}`)} | ${fallback === undefined ? "" : code(fallback)} | ${meaning} |`;
};

/** One table for each section of the help. */
export const flagTables = (text) => {
  const lines = [];
  for (const line of text.split("\n")) {
    const [, section] = /^(\w+):$/.exec(line) ?? [];
    const flag = flagOf(line);
    if (section === "Spelling") break;
    if (section) lines.push("", `**${section}**`, "", "| Flag | Default | Meaning |", "|---|---|---|");
    if (flag) lines.push(row(flag));
  }
  return `${lines.join("\n").trimStart()}\n`;
};

/** The JSON Schema of the settings in a file of `--config`. */
export const configSchema = () => execFileSync(nativePath("executable"), ["--configSchema"], { encoding: "utf8" });

const page = join(root, "docs/flags.md");

/** The tables of the page, and the text around them. */
export const readTables = () => {
  const text = readFileSync(page, "utf8");
  const [start, end] = [text.indexOf(START) + START.length, text.indexOf(END)];
  return { after: text.slice(end), before: text.slice(0, start), tables: text.slice(start, end) };
};

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { after, before } = readTables();
  writeFileSync(page, before + flagTables(help()) + after);
  writeFileSync(join(root, "docs/config.schema.json"), configSchema());
}
