"use strict";
// Turns an exception of a callback into an answer for the addon, which decides what follows.
const { report } = require("./promises.js");

const isResponseLike = (error) =>
  typeof error === "object" && error !== null && "status" in error && "headers" in error && "statusText" in error;

const isInsufficientScope = (error) =>
  error?.name === "InsufficientScopeError" && error.data?.error === "insufficient_scope";

/** A thrown `Response`, from any realm or library. */
const responseAnswer = async (response) => {
  if (typeof response.headers?.forEach !== "function") return "unusable";
  const headers = [];
  response.headers.forEach((value, name) => headers.push([name, String(value)]));
  const body = typeof response.text === "function" ? await response.text() : "";
  return { response: { body, headers, status: response.status, statusText: String(response.statusText) } };
};

const answer = (error, { doing, scoped }) => {
  if (scoped && isInsufficientScope(error)) {
    const { errorDescription, requiredScopes } = error.data;
    return { scope: { description: errorDescription ?? null, required: (requiredScopes ?? []).map(String) } };
  }
  if (doing) {
    report(doing)(error);
    return "unusable";
  }
  if (isResponseLike(error)) return responseAnswer(error);
  return { failed: error instanceof Error || typeof error?.message === "string" ? String(error.message) : null };
};

/**
 * Why a callback failed: `scoped` if it may be because of missing scopes; `doing` what, if the client is told no more.
 * An exception that cannot be examined counts as any other failure.
 */
const refusal = async (error, about = {}) => {
  try {
    return JSON.stringify(await answer(error, about));
  } catch (problem) {
    report("handling request")(problem);
    return '"unusable"';
  }
};

module.exports = { refusal };
