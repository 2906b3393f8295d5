"use strict";
// The API key check, and the 401 and 403 answers with their challenges, for servers that authenticate
// requests of their own.
const addon = require("./addon.js");

const answer = ({ body, challenge }) => ({
  body,
  headers: { "Content-Type": "application/json", ...(challenge && { "WWW-Authenticate": challenge }) },
});

class AuthenticationMiddleware {
  constructor(config = {}) {
    this.config = config;
  }

  get #json() {
    return JSON.stringify(this.config);
  }

  getScopeChallengeResponse(requiredScopes, errorDescription, requestId) {
    const id = JSON.stringify(requestId ?? null);
    return { ...answer(addon.insufficientScope(this.#json, requiredScopes, errorDescription, id)), statusCode: 403 };
  }

  getUnauthorizedResponse(options = {}) {
    return answer(addon.unauthorized(this.#json, JSON.stringify(options)));
  }

  validateRequest({ headers }) {
    const given = headers["x-api-key"];
    return addon.admits(this.#json, typeof given === "string" ? given : undefined);
  }
}

module.exports = { AuthenticationMiddleware };
