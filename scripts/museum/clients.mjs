// Real clients, each a program that prints what it has seen: `client <tool> <arguments> http <url>` or `… stdio
// <command…>`.
//
//   needs    packages of PyPI in an environment of its own
//   npm      a package of npm, and the file of it that is run
//   example  an example of crates/cli, which the script builds
//   program  the words that start it, from what the four above have given: `{ python, file, node }`
//   ci       part of the small matrix
import { fileURLToPath } from "node:url";

const local = (name) => fileURLToPath(new URL(name, import.meta.url));
const inPython =
  (name) =>
  ({ python }) => [python, local(name)];

export const clients = [
  { ci: true, name: "TypeScript SDK v1", program: ({ node }) => [node, local("typescript.mjs"), "v1"] },
  { ci: true, name: "TypeScript SDK v2", program: ({ node }) => [node, local("typescript.mjs"), "v2"] },
  { name: "Python mcp 1", needs: ["mcp<2"], program: inPython("python_mcp.py") },
  { name: "Python mcp 2", needs: ["mcp>=2"], program: inPython("python_mcp.py") },
  { name: "Python fastmcp", needs: ["fastmcp"], program: inPython("python_fastmcp.py") },
  { name: "LangChain", needs: ["langchain-mcp-adapters"], program: inPython("python_langchain.py") },
  { name: "OpenAI agents", needs: ["openai-agents"], program: inPython("python_agents.py") },
  { example: "museum_rmcp", name: "rmcp", program: ({ file }) => [file] },
  {
    name: "Inspector",
    npm: ["@modelcontextprotocol/inspector", "cli/build/cli.js"],
    program: ({ file, node }) => [node, local("inspector.mjs"), file],
  },
];
