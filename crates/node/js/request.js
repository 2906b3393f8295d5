"use strict";
// The HTTP request of a message, in the forms that callbacks and SDKs expect.
const { IncomingMessage } = require("node:http");
const { Duplex } = require("node:stream");

const familyOf = (address) => (address.includes(":") ? "IPv6" : "IPv4");

/** Represents the connection of a request whose bytes JavaScript never sees. */
class PeerSocket extends Duplex {
  constructor({ encrypted, localAddress, localPort, remoteAddress, remotePort }) {
    super();
    this.encrypted = encrypted;
    this.localAddress = localAddress;
    this.localFamily = familyOf(localAddress);
    this.localPort = localPort;
    this.remoteAddress = remoteAddress;
    this.remoteFamily = familyOf(remoteAddress);
    this.remotePort = remotePort;
  }
  _read() {}
  _write(chunk, encoding, callback) {
    callback();
  }
  setKeepAlive() {
    return this;
  }
  setNoDelay() {
    return this;
  }
  setTimeout() {
    return this;
  }
  ref() {
    return this;
  }
  unref() {
    return this;
  }
}

/** A request head. */
class RequestHead {
  #fields;
  #message;
  #text;
  #webRequest;

  /** `text` is the head as the addon writes it, in JSON (head.rs); it is read when it is needed. */
  constructor(text) {
    this.#text = text;
  }

  get #read() {
    return (this.#fields ??= JSON.parse(this.#text));
  }

  get encrypted() {
    return this.#read.encrypted;
  }

  get localAddress() {
    return this.#read.localAddress;
  }

  get localPort() {
    return this.#read.localPort;
  }

  get method() {
    return this.#read.method;
  }

  /** Names and values in turn, as in Node. */
  get rawHeaders() {
    return this.#read.rawHeaders;
  }

  get remoteAddress() {
    return this.#read.remoteAddress;
  }

  get remotePort() {
    return this.#read.remotePort;
  }

  /** The path and the query. */
  get target() {
    return this.#read.target;
  }

  /** The single `IncomingMessage` of this request; its body was read already. */
  get message() {
    return (this.#message ??= this.#makeMessage());
  }

  /** What a callback has set as `request.auth`. */
  get auth() {
    return this.#message?.auth;
  }

  get url() {
    const host = this.message.headers.host ?? "localhost";
    return new URL(this.target, `${this.encrypted ? "https" : "http"}://${host}`);
  }

  /** The web `Request`, without its body. */
  get webRequest() {
    return (this.#webRequest ??= this.#makeWebRequest());
  }

  #makeMessage() {
    const message = new IncomingMessage(new PeerSocket(this));
    // Node's own parser calls this: it joins repeated fields by Node's rules when they are first used.
    message._addHeaderLines(this.rawHeaders, this.rawHeaders.length);
    message.complete = true;
    message.httpVersion = "1.1";
    message.httpVersionMajor = 1;
    message.httpVersionMinor = 1;
    message.method = this.method;
    message.url = this.target;
    message.push(null);
    return message;
  }

  #makeWebRequest() {
    const headers = new Headers();
    for (let at = 0; at < this.rawHeaders.length; at += 2) {
      headers.append(this.rawHeaders[at], this.rawHeaders[at + 1]);
    }
    return new Request(this.url, { headers, method: this.method });
  }
}

/** The fields of a request, with their names spelled as in `like`, if they are there. */
const respelled = (rawHeaders, like) => {
  const spelled = new Map();
  for (let at = 0; at < like.length; at += 2) spelled.set(like[at].toLowerCase(), like[at]);
  return rawHeaders.map((text, at) => (at % 2 === 0 ? (spelled.get(text.toLowerCase()) ?? text) : text));
};

module.exports = { PeerSocket, RequestHead, respelled };
