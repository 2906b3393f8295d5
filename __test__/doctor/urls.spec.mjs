// URLs with one fault: the doctor finds that fault under its code, and nothing else.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { serve } from "./broken-http.mjs";
import { examine } from "./doctor.mjs";

/** Modes of the server, the requested path, and the finding. */
const servers = {
  healthy: ["/mcp", []],
  html: ["/mcp", ["MCPX0811"]],
  "not-found": ["/mcp", ["MCPX0811"]],
  "other-path": ["/", ["MCPX0812"]],
  "moves-away": ["/mcp", ["MCPX0826"]],
  moves: ["/mcp", ["MCPX0810"]],
  "bad-gateway": ["/mcp", ["MCPX0821"]],
  "refuses-host": ["/mcp", ["MCPX0822"]],
  "refuses-notifications": ["/mcp", ["MCPX0823"]],
  "wrong-type": ["/mcp", ["MCPX0824"]],
  unauthorized: ["/mcp", ["MCPX0814", "MCPX0815"]],
  "bad-resource": ["/mcp", ["MCPX0814", "MCPX0816"]],
  described: ["/mcp", ["MCPX0814"]],
  "cuts-streams": ["/mcp", ["MCPX0819"]],
  "holds-streams": ["/mcp", ["MCPX0818"]],
  "compresses-streams": ["/mcp", ["MCPX0818"]],
};

const directory = mkdtempSync(join(tmpdir(), "doctor-tls-"));
after(() => rmSync(directory, { recursive: true }));

const openssl = (...words) => execFileSync("openssl", words, { stdio: "ignore" });

/** A self-signed certificate, valid for this many days from now. */
const certificate = (name, host, days) => {
  const [config, key, request, cert] = ["cnf", "key", "csr", "pem"].map((kind) => join(directory, `${name}.${kind}`));
  const extensions = ["[ext]", "basicConstraints = critical,CA:FALSE", `subjectAltName = ${host}`];
  const lines = ["[req]", "distinguished_name = dn", "prompt = no", "[dn]", "CN = test", ...extensions];
  writeFileSync(config, `${lines.join("\n")}\n`);
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-new", ...curve, "-keyout", key, "-out", request, "-config", config);
  const words = ["-req", "-in", request, "-signkey", key, "-out", cert, "-extfile", config, "-extensions", "ext"];
  openssl("x509", ...words, "-days", String(days));
  return { path: cert, key: readFileSync(key), cert: readFileSync(cert) };
};

const isError = ({ severity }) => severity === "error";

const finds = async (words, expected) => {
  const { code, codes, found, stderr } = await examine(["--no-oauth", ...words]);
  assert.deepEqual(codes, expected, `${JSON.stringify(found)}\n${stderr}`);
  assert.equal(code, found.some(isError) ? 6 : 0);
};

describe("a URL", { concurrency: 4 }, () => {
  for (const [mode, [path, expected]] of Object.entries(servers)) {
    test(`of a server that is ${mode} is ${expected.join() || "well"}`, async (context) => {
      const server = await serve(mode);
      context.after(server.close);
      await finds([`http://127.0.0.1:${server.port}${path}`], expected);
    });
  }

  test("with an unknown host is MCPX0802", () => finds(["https://nobody.invalid/mcp"], ["MCPX0802"]));

  test("with a port that nobody listens on is MCPX0803", async () => {
    const server = await serve("healthy");
    await server.close();
    await finds([`http://127.0.0.1:${server.port}/mcp`], ["MCPX0803"]);
  });

  test("with refused credentials is MCPX0817", async (context) => {
    const server = await serve("described");
    context.after(server.close);
    await finds([`http://127.0.0.1:${server.port}/mcp`, "--bearerToken", "wrong"], ["MCPX0817"]);
  });

  test("with https and a port without TLS is MCPX0808", async (context) => {
    const server = await serve("healthy");
    context.after(server.close);
    await finds([`https://127.0.0.1:${server.port}/mcp`], ["MCPX0808"]);
  });

  const here = "IP:127.0.0.1";
  for (const [name, host, days, trusted, expected] of [
    ["well", here, 365, true, []],
    ["untrusted", here, 365, false, ["MCPX0804"]],
    ["expired", here, -1, true, ["MCPX0805"]],
    ["about to expire", here, 3, true, ["MCPX0806"]],
    ["of another host", "DNS:other.test", 365, true, ["MCPX0807"]],
  ]) {
    test(`of a certificate that is ${name} is ${expected.join() || "well"}`, async (context) => {
      const made = certificate(name.replaceAll(" ", "-"), host, days);
      const server = await serve("healthy", made);
      context.after(server.close);
      const trust = trusted ? ["--caCert", made.path] : [];
      await finds([`https://127.0.0.1:${server.port}/mcp`, ...trust], expected);
    });
  }
});
