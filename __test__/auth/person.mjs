// A user of an MCP client of one of the SDKs, who signs in when the client asks for it.

import assert from "node:assert/strict";

import { REDIRECT, browse } from "./provider.mjs";

export class Person {
  authorization;
  #client;
  #kind;
  #tokens;
  #url;
  #verifier;
  #who;

  /** `kind` is one of `sdks`; the path of the URL selects the transport. */
  constructor(kind, url, who) {
    this.#kind = kind;
    this.#url = url;
    this.#who = who;
  }

  // What the SDKs require from an application.
  redirectUrl = REDIRECT;
  clientMetadata = {
    client_name: "a test",
    grant_types: ["authorization_code", "refresh_token"],
    redirect_uris: [REDIRECT],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  clientInformation = () => this.#client;
  saveClientInformation = (client) => {
    this.#client = client;
  };
  tokens = () => this.#tokens;
  saveTokens = (tokens) => {
    this.#tokens = tokens;
  };
  saveCodeVerifier = (verifier) => {
    this.#verifier = verifier;
  };
  codeVerifier = () => this.#verifier;
  redirectToAuthorization = (url) => {
    this.authorization = url;
  };

  get accessToken() {
    return this.#tokens?.access_token;
  }

  #transport() {
    const { SSEClientTransport, StreamableHTTPClientTransport } = this.#kind.sdk;
    const Transport = new URL(this.#url).pathname === "/sse" ? SSEClientTransport : StreamableHTTPClientTransport;
    return new Transport(new URL(this.#url), { authProvider: this });
  }

  async #connect() {
    const client = new this.#kind.sdk.Client({ name: "a-test", version: "1.0.0" });
    const transport = this.#transport();
    await client.connect(transport);
    return client;
  }

  /** Connects, is refused, signs in, and connects again. */
  async signIn() {
    const transport = this.#transport();
    const client = new this.#kind.sdk.Client({ name: "a-test", version: "1.0.0" });
    await assert.rejects(client.connect(transport), (error) => /unauthorized/i.test(error.name + error.message));
    assert.ok(this.authorization, "the client has found out where to sign in");
    const back = await browse(this.authorization, this.#who);
    assert.equal(back.searchParams.get("error"), null, String(back));
    await transport.finishAuth(back.searchParams.get("code"), back.searchParams.get("iss") ?? undefined);
    return this.#connect();
  }
}
