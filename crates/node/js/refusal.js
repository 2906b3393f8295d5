"use strict";
// What a callback threw, as an answer to the addon. What follows from it is decided there.

const isResponseLike = (error) =>
  typeof error === "object" && error !== null && "status" in error && "headers" in error && "statusText" in error;

const isInsufficientScope = (error) =>
  error?.name === "InsufficientScopeError" && error.data?.error === "insufficient_scope";

/** A thrown `Response` of whatever realm or library. */
const responseAnswer = async (response) => {
  if (typeof response.headers?.forEach !== "function") return "unusable";
  const headers = [];
  response.headers.forEach((value, name) => headers.push([name, String(value)]));
  const body = typeof response.text === "function" ? await response.text() : "";
  return { response: { body, headers, status: response.status, statusText: String(response.statusText) } };
};

const scopeAnswer = ({ data }) => ({
  scope: { description: data.errorDescription ?? null, required: (data.requiredScopes ?? []).map(String) },
});

/** Why `authenticate` or `createServer` failed. */
const failure = async (error) => {
  if (isResponseLike(error)) return responseAnswer(error);
  return { failed: error instanceof Error || typeof error?.message === "string" ? String(error.message) : null };
};

/** Why a server that was made for one request does not serve it. */
const unwilling = async (error) => (isInsufficientScope(error) ? scopeAnswer(error) : failure(error));

/** Why a server that was made cannot be used; `doing` says what it was for. */
const unusable = (doing) => async (error) => {
  if (isInsufficientScope(error)) return scopeAnswer(error);
  console.error(`[mcp-proxy] error ${doing}`, error);
  return "unusable";
};

/** Runs `classify` on what was thrown; what cannot be looked at is as good as any other failure. */
const refusal = async (classify, error) => {
  try {
    return JSON.stringify(await classify(error));
  } catch (problem) {
    console.error("[mcp-proxy] error handling request", problem);
    return '"unusable"';
  }
};

module.exports = { failure, refusal, unusable, unwilling };
