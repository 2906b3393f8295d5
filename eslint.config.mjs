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
      "prefer-const": "error",
    },
  },
  { files: ["**/*.js"], languageOptions: { sourceType: "commonjs" } },
  // A describe block is a list of tests, not a function to keep short.
  { files: ["__test__/**"], rules: { "max-lines-per-function": "off" } },
];
