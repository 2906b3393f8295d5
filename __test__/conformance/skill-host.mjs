// What a host does with skills (SEP-2640): it reads a skill when it is loaded, and rejects everything that differs from
// the list.
import { createHash } from "node:crypto";

/** The value of each line of the frontmatter. */
const frontmatterOf = (text) => {
  const [, block = ""] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text) ?? [];
  return Object.fromEntries(block.split(/\r?\n/).map((line) => line.split(/:\s*/, 2)));
};

/** Why a file of a skill differs from the list; nothing if it does not. */
const tampered = (text, { digest, size }, frontmatter) => {
  if (Buffer.byteLength(text) !== size) return "size";
  if (`sha256:${createHash("sha256").update(text).digest("hex")}` !== digest) return "digest";
  if (!frontmatter) return undefined;
  const written = frontmatterOf(text);
  return Object.entries(frontmatter).every(([name, value]) => written[name] === value) ? undefined : "frontmatter";
};

/** Reads the files of a skill, the manifest first, until one differs from the list. */
export async function load(ask, { frontmatter, resources, uri: manifest }) {
  for (const resource of resources) {
    const { contents } = await ask("resources/read", { uri: resource.uri });
    const why = tampered(contents[0].text, resource, resource.uri === manifest && frontmatter);
    if (why) return why;
  }
  return undefined;
}
