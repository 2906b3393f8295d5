// Fails on phrases that readers stumble over, in documents, comments and texts, and says what to write in their place.
// The list is short on purpose: it holds what was found in this repository. CONTRIBUTING.md has the reasons.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { root } from "./tools.mjs";

/** Phrases, and what to write in their place. */
export const phrases = [
  [
    /(?<!\b(?:there|and|or|but|so|where|then|if|as|since|for) )\b(?:is|are|was|were) no (?!longer|more|other|such|use|need|good)\w/i,
    "“is not a …”",
  ],
  [/(?<!\b[Tt]here )\b(?:is|are|was|were) none\b/, "what it is: “is malformed”, “is missing”, “is not a flag”"],
  [/(?<!\b(?:and|or|know|says) )\bwhom\b/i, "“who”, “which client”, or the noun"],
  [/\bone['’]s own\b/i, "“your own” or “its own”"],
  [/(?<!\bwhat )\bis said\b/i, "“is printed”, “is logged”, “is reported”"],
  [/\bfor ever\b/i, "“without limit”, “forever”, or what ends it"],
  [/\ball the same\b/i, "“anyway” or “still”"],
  [/\b(?:a|one) \w+ too many\b/i, "“further …”, “beyond the limit”"],
  [/\bbut for\b/i, "“except for”"],
  [/\bin vain\b/i, "“without success”"],
  [/\bgiven up by\b/i, "“ended by”"],
  [/\bof its own wish\b/i, "“it exited with code 0”"],
  [/\blest\b/i, "“so that … not”"],
  [/\bwhat (?:becomes|has become|comes) of\b/i, "“what happens to”"],
  [/\bsays? of (?:itself|themselves)\b/i, "“says about itself”"],
  [/\bone too many\b/i, "“beyond the limit”, “further …”"],
  [/\b(?:is|are|was|were) there twice\b/i, "“appears twice”"],
  [/\blifts? the limit\b/i, "“sets no limit”, “turns the limit off”"],
  [/\b(?:fails?|refused) in words\b/i, "“fails with a sentence”, “refused with a sentence”"],
  [/\bstands? open\b/i, "“stays open”"],
  [/\b(?:begins?|starts?|made|counted|opened) anew\b/i, "“again”, “starts over”"],
  [/\b(?:has|have) to be there\b/i, "“is required”"],
  [
    /\bso (?:many|much) (?:bytes|calls|clients|servers|seconds|milliseconds|time|messages|lines|requests)\b(?! that)/i,
    "“at most this many …”, or the number",
  ],
  [/\b(?:goes|go|going|went) on with\b/i, "“continues with”"],
  [/\b(?:says?|is told|are told|heard?|hears) of(?! (?:say|said))\b/i, "“says about”, “is told about”, “learns of”"],
  [/\bfor want of\b/i, "“because … is missing”"],
  [/\bthe same of\b/i, "“the same for”, or the noun again"],
  [/\b(?:holds?|held) (?:\w+ )?against\b/i, "“compares with”, “checks against”"],
  [/\bformer (?:one|stream|connection)\b/i, "“previous”, “earlier”"],
  [/\bof no use\b/i, "“useless”, “invalid”, or why"],
  [/\bsettled? with\b/i, "“set on”, “agreed on”, or what was agreed"],
  [/\bon account of\b/i, "“because of”"],
  [/\bit may be that\b/i, "“… may …”, “perhaps”"],
  [/\bwhat came of\b/i, "“the result of”"],
  [/\bnobody is told\b/i, "who is not told, or “is not reported”"],
  [/\bin its stead\b/i, "“in its place”, “instead”"],
  [/\bwith which to\b/i, "“to … with”, “for …”"],
  [/\bof its own accord\b/i, "“by itself”"],
  [/\b(?:thereof|therein|whereof|wherein|whence|hence|upon|shall|ought to)\b/i, "the usual word"],
  [/\b(?:may|might) (?:well )?be gone by then\b/i, "“may have ended meanwhile”"],
];

/** Texts that people read: documents, sources with their comments and messages, the type declarations. */
const texts = ["*.md", "docs", "crates", "npm", "scripts", "bench", "__test__/*.mjs", "index.d.ts"];

/** Not ours to change, or about the phrases themselves. */
const exempt =
  /(?:^|\/)(?:package-lock\.json|vocabulary\.mjs|LICENSE|requirements\.md)$|\/(?:corpus|seeds)\/|\.(?:png|webp|svg|json|jsonl|toml|bin|lock|txt|pem)$/;

/** The lines of a text with one of the phrases; the table in CONTRIBUTING.md quotes some. */
export const findings = (text, file) =>
  text.split("\n").flatMap((line, index) =>
    (file === "CONTRIBUTING.md" && line.startsWith("| ") ? [] : phrases).flatMap(([pattern, instead]) => {
      const found = pattern.exec(line);
      return found ? [{ line: index + 1, phrase: found[0], instead }] : [];
    }),
  );

const main = () => {
  const listed = execFileSync("git", ["ls-files", "--", ...texts], { cwd: root, encoding: "utf8" });
  const files = listed.split("\n").filter((file) => file && !exempt.test(file));
  let count = 0;
  for (const file of files) {
    for (const { line, phrase, instead } of findings(readFileSync(join(root, file), "utf8"), file)) {
      console.error(`${file}:${line}: “${phrase}”: write ${instead}`);
      count += 1;
    }
  }
  if (files.length < 500) throw new Error(`only ${files.length} files were found`);
  console.log(`${files.length} files, ${count} phrases to change`);
  process.exitCode = count === 0 ? 0 : 1;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
