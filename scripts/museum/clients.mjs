// Real clients, each a program that prints what it has seen: `client <tool> <arguments> http <url>` or
// `… stdio <command…>`.
//
//   needs  packages of PyPI in an environment of its own
//   ci     part of the small matrix
import { fileURLToPath } from "node:url";

const local = (name) => fileURLToPath(new URL(name, import.meta.url));

export const clients = [
  { ci: true, name: "TypeScript SDK v1", program: (_, node) => [node, local("typescript.mjs"), "v1"] },
  { ci: true, name: "TypeScript SDK v2", program: (_, node) => [node, local("typescript.mjs"), "v2"] },
  { name: "Python mcp 1", needs: ["mcp<2"], program: (python) => [python, local("python_mcp.py")] },
  { name: "Python mcp 2", needs: ["mcp>=2"], program: (python) => [python, local("python_mcp.py")] },
  { name: "Python fastmcp", needs: ["fastmcp"], program: (python) => [python, local("python_fastmcp.py")] },
];
