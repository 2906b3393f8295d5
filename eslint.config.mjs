import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["target", "dist", "**/node_modules", "**/.venv"] },
  js.configs.recommended,
  {
    languageOptions: { globals: globals.node },
    rules: {
      complexity: ["error", 10],
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      // `{ left, ...rest }` is how a member is left out.
      "no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "prefer-const": "error",
    },
  },
  { files: ["**/*.js"], languageOptions: { sourceType: "commonjs" } },
  {
    files: ["crates/core/src/inspect/page/**"],
    languageOptions: { globals: globals.browser },
    rules: { complexity: ["error", 15] },
  },
  // Parts of it run in a browser.
  {
    files: ["__test__/page/**", "bench/page.mjs"],
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
  },
  // A describe block is a list of tests, not a function to keep short.
  { files: ["__test__/**"], rules: { complexity: ["error", 15], "max-lines-per-function": "off" } },
];
