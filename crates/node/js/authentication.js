"use strict";
// The API key check, and the 401 and 403 answers with their challenges (RFC 6750, RFC 9728), for
// servers that authenticate requests of their own. The listener's own answers are made in the core.
const { createHash, timingSafeEqual } = require("node:crypto");

const METADATA_PATH = "/.well-known/oauth-protected-resource";
const UNAUTHORIZED = "Unauthorized: Invalid or missing API key";
const JSON_CONTENT = { "Content-Type": "application/json" };

/** Where RFC 9728 §3.1 puts a resource's metadata: the well-known segment goes before its path. */
const metadataUrl = (resource) => {
  if (!URL.canParse(resource)) return `${resource}${METADATA_PATH}`;
  const url = new URL(resource);
  url.pathname = METADATA_PATH + (url.pathname === "/" ? "" : url.pathname);
  return url.href;
};

const digest = (text) => createHash("sha256").update(text).digest();

const errorBody = (id, error) => JSON.stringify({ error, id, jsonrpc: "2.0" });

/** A Bearer challenge of the parameters that are defined, empty ones too. */
const challenge = (parameters) => {
  const quoted = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}="${value}"`);
  return `Bearer ${quoted.join(", ")}`;
};

const escapeQuotes = (text) => text.replaceAll('"', '\\"');

class AuthenticationMiddleware {
  constructor(config = {}) {
    this.config = config;
  }

  get #metadata() {
    const resource = this.config.oauth?.protectedResource?.resource;
    return resource ? metadataUrl(resource) : undefined;
  }

  getScopeChallengeResponse(requiredScopes, errorDescription, requestId) {
    const headers = { ...JSON_CONTENT };
    if (this.#metadata) {
      // Differs from mcp-proxy: no comma after the scheme, which made the challenge malformed.
      headers["WWW-Authenticate"] = challenge({
        error: "insufficient_scope",
        scope: requiredScopes.join(" "),
        resource_metadata: this.#metadata,
        error_description: errorDescription ? escapeQuotes(errorDescription) : undefined,
      });
    }
    const body = errorBody(requestId ?? null, {
      code: -32001,
      data: { error: "insufficient_scope", required_scopes: requiredScopes },
      message: errorDescription || "Insufficient scope",
    });
    return { body, headers, statusCode: 403 };
  }

  getUnauthorizedResponse(options) {
    const { oauth } = this.config;
    const either = (name) => options?.[name] || oauth?.[name] || undefined;
    const headers = {
      ...JSON_CONTENT,
      "WWW-Authenticate": challenge({
        realm: oauth?.realm || undefined,
        resource_metadata: this.#metadata,
        error: either("error") || "invalid_token",
        error_description: escapeQuotes(either("error_description") || UNAUTHORIZED),
        error_uri: either("error_uri"),
        scope: either("scope"),
      }),
    };
    const message = options?.error_description || UNAUTHORIZED;
    return { body: errorBody(null, { code: 401, message }), headers };
  }

  validateRequest(request) {
    const { apiKey } = this.config;
    if (!apiKey) return true;
    const given = request.headers["x-api-key"];
    // Digests have one length, so the time taken does not tell the key's.
    return typeof given === "string" && timingSafeEqual(digest(given), digest(apiKey));
  }
}

module.exports = { AuthenticationMiddleware };
