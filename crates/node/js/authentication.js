"use strict";
// `AuthenticationMiddleware`: the addon's class, with options that are read by name.
const addon = require("./addon.js");
const { AUTHENTICATION, inWords, OAUTH, taken } = require("./options.js");

const words = (given, known) => inWords(taken(given, known), known);

class AuthenticationMiddleware extends addon.AuthenticationMiddleware {
  constructor(config) {
    super(words(config, AUTHENTICATION));
  }

  getUnauthorizedResponse(parameters) {
    return super.getUnauthorizedResponse(words(parameters, OAUTH));
  }
}

module.exports = { AuthenticationMiddleware };
