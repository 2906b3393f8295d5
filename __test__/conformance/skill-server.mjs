// A server of skills (SEP-2640) on standard streams, of both eras: `skill-server.mjs legacy|modern`.
import { createHash } from "node:crypto";

import { eachLine } from "../support/lines.mjs";

const EXTENSION = { "io.modelcontextprotocol/skills": { directoryRead: true } };
const ROOT = "skill://pdf-processing";
const FRONTMATTER = { description: "Fills PDF documents", name: "pdf-processing" };
const FILES = {
  [`${ROOT}/SKILL.md`]: `---\nname: ${FRONTMATTER.name}\ndescription: ${FRONTMATTER.description}\n---\n\nWords.\n`,
  [`${ROOT}/references/FORMS.md`]: "Further words.\n",
};
const [MANIFEST] = Object.keys(FILES);
const skill = {
  frontmatter: FRONTMATTER,
  resources: Object.entries(FILES).map(([uri, text]) => ({
    digest: `sha256:${createHash("sha256").update(text).digest("hex")}`,
    size: Buffer.byteLength(text),
    uri,
  })),
  uri: MANIFEST,
};
const isModern = process.argv[2] === "modern";
const capabilities = { extensions: EXTENSION, resources: {} };
const serverInfo = { name: "skills", version: "1" };
const child = (uri, more) => ({ name: uri.split("/").at(-1), uri, ...more });

const methods = {
  initialize: ({ protocolVersion }) => (isModern ? undefined : { capabilities, protocolVersion, serverInfo }),
  "resources/directory/read": ({ uri }) =>
    ({
      [ROOT]: {
        resources: [
          child(MANIFEST, { mimeType: "text/markdown" }),
          child(`${ROOT}/references`, { mimeType: "inode/directory" }),
        ],
      },
      [`${ROOT}/references`]: { resources: [child(Object.keys(FILES)[1], { mimeType: "text/markdown" })] },
    })[uri],
  "resources/list": () => ({ resources: [{ ...FRONTMATTER, mimeType: "text/markdown", uri: MANIFEST }] }),
  "resources/read": ({ uri }) => FILES[uri] && { contents: [{ mimeType: "text/markdown", text: FILES[uri], uri }] },
  "server/discover": () =>
    isModern
      ? { _meta: { "io.modelcontextprotocol/serverInfo": serverInfo }, capabilities, supportedVersions: ["2026-07-28"] }
      : undefined,
  "skills/get": ({ uri }) => (uri === MANIFEST ? { skill } : undefined),
  "skills/list": () => ({ skills: [skill] }),
};
const UNKNOWN = new Set(["initialize", "server/discover"]);
const CACHED = isModern ? { cacheScope: "private", resultType: "complete", ttlMs: 0 } : {};

eachLine(process.stdin, (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return;
  const result = methods[method]?.(params);
  const code = method in methods && !UNKNOWN.has(method) ? -32602 : -32601;
  const answer = result ? { result: { ...CACHED, ...result } } : { error: { code, message: `No ${method}` } };
  process.stdout.write(`${JSON.stringify({ id, jsonrpc: "2.0", ...answer })}\n`);
});
