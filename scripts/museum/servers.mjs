// Real servers that start without credentials, and the request for each of them.
//
//   from     "npm" or "pypi": where `package` is installed from, at `version`
//   command  words after the program; FOLDER stands for an empty folder with a file `note.txt`, a git repository
//   with     further packages of its environment
//   known    beginnings of differences that have a reason, by client
//   call     a tool and its arguments, whose answer does not depend on the moment
//   ci       part of the small matrix, which needs nothing but this repository's development dependencies
export const servers = [
  {
    call: ["echo", { message: "hello" }],
    ci: true,
    from: "npm",
    name: "everything",
    package: "@modelcontextprotocol/server-everything",
    program: "mcp-server-everything",
    version: "2026.8.31",
  },
  {
    call: ["list_directory", { path: "FOLDER" }],
    ci: true,
    command: ["FOLDER"],
    from: "npm",
    name: "filesystem",
    package: "@modelcontextprotocol/server-filesystem",
    program: "mcp-server-filesystem",
    version: "2026.8.31",
  },
  {
    call: ["read_graph", {}],
    from: "npm",
    name: "memory",
    package: "@modelcontextprotocol/server-memory",
    program: "mcp-server-memory",
  },
  {
    call: ["sequentialthinking", { nextThoughtNeeded: false, thought: "one", thoughtNumber: 1, totalThoughts: 1 }],
    from: "npm",
    // It counts calls. LangChain opens a session for each of them: over stdio that is a process of its own, through the
    // proxy all sessions share one, unless it is started with --isolation session.
    known: { LangChain: ".afterwards" },
    name: "sequential-thinking",
    package: "@modelcontextprotocol/server-sequential-thinking",
    program: "mcp-server-sequential-thinking",
  },
  { from: "npm", name: "context7", package: "@upstash/context7-mcp", program: "context7-mcp" },
  { command: ["--headless"], from: "npm", name: "playwright", package: "@playwright/mcp", program: "playwright-mcp" },
  { from: "npm", name: "chrome-devtools", package: "chrome-devtools-mcp", program: "chrome-devtools-mcp" },
  { from: "npm", name: "mcp-server-kubernetes", package: "mcp-server-kubernetes", program: "mcp-server-kubernetes" },
  {
    from: "npm",
    name: "desktop-commander",
    package: "@wonderwhy-er/desktop-commander",
    program: "desktop-commander",
    // Its first resource has more than 1 MiB, and this client takes no larger event of a stream. With --jsonResponse it
    // reads the resource.
    known: { "Python mcp 2": ".read" },
  },
  { from: "npm", name: "eslint", package: "@eslint/mcp", program: "mcp" },
  { from: "npm", name: "shadcn", package: "shadcn", command: ["mcp"], program: "shadcn" },
  {
    call: ["get_current_time", { timezone: "Nowhere/Never" }],
    from: "pypi",
    name: "time",
    package: "mcp-server-time",
    program: "mcp-server-time",
  },
  {
    call: ["git_status", { repo_path: "FOLDER" }],
    from: "pypi",
    name: "git",
    package: "mcp-server-git",
    program: "mcp-server-git",
  },
  { from: "pypi", name: "fetch", package: "mcp-server-fetch", program: "mcp-server-fetch" },
  {
    call: ["list_tables", {}],
    command: ["--db-path", "FOLDER/db.sqlite"],
    from: "pypi",
    name: "sqlite",
    package: "mcp-server-sqlite",
    program: "mcp-server-sqlite",
    // It does not declare that it needs the SDK of that time.
    with: ["mcp<2"],
  },
  { from: "pypi", name: "calculator", package: "mcp-server-calculator", program: "mcp-server-calculator" },
  { from: "pypi", name: "duckduckgo", package: "duckduckgo-mcp-server", program: "duckduckgo-mcp-server" },
  {
    from: "pypi",
    name: "aws-documentation",
    package: "awslabs.aws-documentation-mcp-server",
    program: "awslabs.aws-documentation-mcp-server",
  },
  { from: "pypi", name: "arxiv", package: "arxiv-mcp-server", program: "arxiv-mcp-server" },
  { from: "pypi", name: "markitdown", package: "markitdown-mcp", program: "markitdown-mcp" },
];
