"use strict";
// Errors of the core name flags of the command line; this replaces them by options.
const { AUTH, HTTP_SERVER, UPSTREAM } = require("./options.js");

const flagOf = (name) => `auth${name[0].toUpperCase()}${name.slice(1)}`;

/** The option for each flag. */
const OPTIONS = {
  ...Object.fromEntries(Object.keys(HTTP_SERVER).map((name) => [name, name])),
  ...Object.fromEntries(Object.keys(UPSTREAM).map((name) => [name, `upstream.${name}`])),
  ...Object.fromEntries(Object.keys(AUTH).map((name) => [flagOf(name), `auth.${name}`])),
  auth: "auth.issuer",
  bearerToken: "transportOptions.requestInit.headers",
  caCert: "NODE_EXTRA_CA_CERTS",
  header: "transportOptions.requestInit.headers",
  publicUrl: "auth.publicUrl",
  tunnelHost: "tunnel.host",
  tunnelSubdomain: "tunnel.subdomain",
};

/** The same text with options. A flag without an option stays. */
const inOptions = (text) => text.replaceAll(/(?<![\w-])--([a-z]\w*)/gi, (flag, name) => OPTIONS[name] ?? flag);

module.exports = { inOptions };
