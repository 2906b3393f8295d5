import assert from "node:assert/strict";
import { test } from "node:test";

import { startHTTPServer } from "../../index.js";
import { serve, serverV2 } from "./support.mjs";

const createServer = async () => serverV2();

const wrong = [
  [{ port: "80" }, /"port" must be an integer from 0 to 65535, not "80"/],
  [{ port: 70000 }, /"port"/],
  [{ port: undefined }, /"port"/],
  [{ apiKey: 1 }, /"apiKey" must be a string, not 1/],
  [{ authenticate: {} }, /"authenticate" must be a function/],
  [{ cors: "*" }, /"cors" must be a boolean or an object/],
  [{ cors: { origin: 1 } }, /"cors.origin" must be a string or an array of strings or a function/],
  [{ eventStore: true }, /"eventStore" must be false or an object/],
  [{ eventStoreMaxEvents: 0 }, /"eventStoreMaxEvents" must be a number of at least 1/],
  [{ eventStoreMaxEvents: NaN }, /"eventStoreMaxEvents"/],
  [{ maxBodySize: "1mb" }, /"maxBodySize"/],
  [{ oauth: "x" }, /"oauth" must be an object/],
  [{ stateless: "yes" }, /"stateless" must be a boolean, not "yes"/],
  [{ createServer: undefined }, /"createServer" and "upstream"/],
  [{ upstream: { command: "x" } }, /"createServer" and "upstream"/],
  [{ createServer: undefined, upstream: {} }, /"upstream.command" must be a string/],
];

for (const [options, message] of wrong) {
  test(`a TypeError says what is wrong: ${message}`, async () => {
    await assert.rejects(startHTTPServer({ createServer, port: 0, ...options }), { message, name: "TypeError" });
  });
}

test("a port in use rejects with Node's code", async (t) => {
  const { port } = await serve(t);
  await assert.rejects(startHTTPServer({ createServer, host: "127.0.0.1", port }), { code: "EADDRINUSE" });
});

test("a certificate that cannot be read rejects with its path", async () => {
  const options = { createServer, port: 0, sslCert: "/no/cert.pem", sslKey: "/no/key.pem" };
  await assert.rejects(startHTTPServer(options), /Failed to read certificate file '\/no\/cert.pem'/);
});
