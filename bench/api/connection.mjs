// A keep-alive connection that posts prepared requests one after the other and reads no more of the
// answers than it has to, so that the server is what is measured.
import { once } from "node:events";
import { connect } from "node:net";

const END_OF_CHUNKS = Buffer.from("0\r\n\r\n");

/** Where the answer at the start of `bytes` ends; -1 while it has not all come. */
const endOf = (bytes) => {
  const head = bytes.indexOf("\r\n\r\n");
  if (head < 0) return -1;
  const length = /\r\ncontent-length: (\d+)/i.exec(bytes.latin1Slice(0, head));
  if (length) return bytes.length >= head + 4 + Number(length[1]) ? head + 4 + Number(length[1]) : -1;
  const end = bytes.indexOf(END_OF_CHUNKS, head + 4);
  return end < 0 ? -1 : end + END_OF_CHUNKS.length;
};

export class Connection {
  #bytes = Buffer.alloc(0);
  #answered;

  static async open(port) {
    const connection = new Connection();
    connection.socket = connect(port, "127.0.0.1");
    connection.socket.setNoDelay(true);
    connection.socket.on("data", (piece) => connection.#read(piece));
    await once(connection.socket, "connect");
    return connection;
  }

  /** Sends a request; resolves to the whole answer. */
  send(request) {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.socket.write(request);
    });
  }

  #read(piece) {
    this.#bytes = this.#bytes.length === 0 ? piece : Buffer.concat([this.#bytes, piece]);
    const end = endOf(this.#bytes);
    if (end < 0) return;
    const answer = this.#bytes.subarray(0, end);
    this.#bytes = this.#bytes.subarray(end);
    this.#answered?.(answer);
  }

  close() {
    this.socket.destroy();
  }
}

/** A request as bytes, with these header fields besides those that every one has. */
export const post = (message, fields = {}) => {
  const body = JSON.stringify(message);
  const lines = [
    "POST /mcp HTTP/1.1",
    "Host: 127.0.0.1",
    "Accept: application/json, text/event-stream",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
};
