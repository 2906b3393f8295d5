// What is bundled, and how it has to end.
//
//   files     sources, relative to the project in which the package and the bundlers are installed
//   build     the bundler's words
//   run       what is run then: `node`, a program of a package, or `./` and a file that was built
//   moved     a folder that is run elsewhere, as on a machine where nothing is installed
//   beside    the package is installed there, and something else is the working directory
//   expected  what is printed, or the error

const SERVED = /served 200/;
const BUNDLED = /a native part, which a bundle cannot hold/;
const TRACED = /outputFileTracingIncludes/;

const PROGRAM = `import { startHTTPServer } from "mcp-proxy";
const createServer = async () => ({ close: async () => {}, connect: async () => {} });
export const serve = async () => {
  const server = await startHTTPServer({ createServer, host: "127.0.0.1", port: 0 });
  const { status } = await fetch("http://127.0.0.1:" + server.port + "/ping");
  await server.close();
  return "served " + status;
};
`;
const START = `import { serve } from "./program.mjs";
serve().then((text) => console.log(text));
`;
const sources = { "in.mjs": START, "program.mjs": PROGRAM };

/** Bundled beside the installed package, and run there and elsewhere. */
const both = (name, build, file, there, elsewhere, files = {}) =>
  [
    [name, undefined, there, `dist/${file}`],
    [`${name}, moved`, "dist", elsewhere, file],
  ].map(([name, moved, expected, path]) => ({
    build,
    expected,
    files: { ...sources, ...files },
    moved,
    name,
    run: path.endsWith("js") ? ["node", path] : [`./${path}`],
  }));

const webpack = (options) => ({
  "webpack.config.mjs": `export default { entry: "./in.mjs", mode: "production", target: "node", ...${JSON.stringify(options)} };\n`,
});

const MISSING = /Cannot find (module|package) 'mcp-proxy'/;
const esbuild = (...words) => ["esbuild", "in.mjs", "--bundle", "--platform=node", "--log-level=error", ...words];
const bun = (...words) => ["bun", "build", "in.mjs", ...words];

/** Prints what the route answers, then ends the server; `expected` may also be in what the server has logged. */
const ASK = `import { spawn } from "node:child_process";
import { createServer } from "node:net";
const free = createServer().listen(0, "127.0.0.1");
await new Promise((resolve) => free.on("listening", resolve));
const { port } = free.address();
await new Promise((resolve) => free.close(resolve));
const env = { ...process.env, HOSTNAME: "127.0.0.1", PORT: String(port) };
const server = spawn(process.execPath, process.argv.slice(2), { env, stdio: ["ignore", "pipe", "pipe"] });
for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk) => process.stdout.write(chunk));
const ask = async () => {
  for (let attempt = 0; attempt < 150; attempt++) {
    try {
      return await (await fetch("http://127.0.0.1:" + port + "/run")).text();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
};
console.log(await ask());
server.kill();
`;

/** An application of Next.js with a route that uses the package. */
const next = (config) => ({
  "app/layout.js": "export default ({ children }) => <html><body>{children}</body></html>;\n",
  "app/page.js": "export default () => <p>a page</p>;\n",
  "app/program.mjs": PROGRAM,
  "app/run/route.js": `import { serve } from "../program.mjs";
export const dynamic = "force-dynamic";
export const GET = async () => new Response(await serve());
`,
  "ask.mjs": ASK,
  "next.config.js": `module.exports = { outputFileTracingRoot: __dirname, ...${JSON.stringify(config)} };\n`,
});
const EXTERNAL = { serverExternalPackages: ["mcp-proxy"] };
const STANDALONE = { ...EXTERNAL, output: "standalone" };
const started = ["node", "ask.mjs", "node_modules/next/dist/bin/next", "start"];
const application = (name, config, ...words) => ({
  build: ["next", "build", ...words],
  expected: SERVED,
  files: next(config),
  name: `Next.js ${name}`,
  run: started,
});
/** A copy of what Next.js calls standalone. */
const standalone = (name, config, expected) => ({
  ...application(`standalone ${name}`, config),
  expected,
  moved: ".next/standalone",
  run: ["node", "ask.mjs", "server.js"],
});

const compiled = bun("--compile", "--outfile", "dist/compiled");

export const cases = [
  ...both(
    "esbuild ESM, external",
    esbuild("--format=esm", "--external:mcp-proxy", "--outfile=dist/e.mjs"),
    "e.mjs",
    SERVED,
    MISSING,
  ),
  ...both("esbuild ESM, inside", esbuild("--format=esm", "--outfile=dist/i.mjs"), "i.mjs", BUNDLED, BUNDLED),
  ...both("esbuild CommonJS, inside", esbuild("--format=cjs", "--outfile=dist/i.cjs"), "i.cjs", SERVED, BUNDLED),
  ...both(
    "webpack, external",
    ["webpack"],
    "e.cjs",
    SERVED,
    MISSING,
    webpack({ externals: { "mcp-proxy": "commonjs mcp-proxy" }, output: { filename: "e.cjs" } }),
  ),
  ...both("webpack, inside", ["webpack"], "i.cjs", SERVED, BUNDLED, webpack({ output: { filename: "i.cjs" } })),
  ...both(
    "webpack ESM, inside",
    ["webpack"],
    "i.mjs",
    SERVED,
    BUNDLED,
    webpack({
      experiments: { outputModule: true },
      output: { chunkFormat: "module", filename: "i.mjs", module: true },
    }),
  ),
  ...both(
    "bun, external",
    bun("--target=node", "--external", "mcp-proxy", "--outfile=dist/e.mjs"),
    "e.mjs",
    SERVED,
    MISSING,
  ),
  ...both("bun, inside", bun("--target=node", "--outfile=dist/i.mjs"), "i.mjs", SERVED, BUNDLED),
  ...both("bun --compile", compiled, "compiled", SERVED, BUNDLED),
  {
    beside: true,
    build: compiled,
    expected: SERVED,
    files: sources,
    moved: "dist",
    name: "bun --compile, moved with the package",
    run: ["./compiled"],
  },
  application("without a setting", {}),
  application("with serverExternalPackages", EXTERNAL),
  application("with webpack, without a setting", {}, "--webpack"),
  application("with webpack and serverExternalPackages", EXTERNAL, "--webpack"),
  standalone("without the native part", STANDALONE, TRACED),
  standalone(
    "with the native part",
    { ...STANDALONE, outputFileTracingIncludes: { "/*": ["./node_modules/mcp-proxy-*/**"] } },
    SERVED,
  ),
];
