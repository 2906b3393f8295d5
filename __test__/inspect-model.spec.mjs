// What the inspection page knows, without a browser.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { filterOf, matches, visible } from "../crates/core/src/inspect/page/filter.mjs";
import { fieldsOf, valueOf } from "../crates/core/src/inspect/page/form.mjs";
import { create, envelope, know, MOST_ROWS, take } from "../crates/core/src/inspect/page/model.mjs";
import { clock, curl, duration, percentile, size } from "../crates/core/src/inspect/page/words.mjs";

let number = 0;
const line = (point, message, more = {}) => ({
  n: number++,
  point,
  session: "0123abcd",
  stream: 1,
  t: number * 1e6,
  text: JSON.stringify(message),
  ...more,
});
const call = (id, name = "echo") => ({ id, jsonrpc: "2.0", method: "tools/call", params: { name } });

describe("the model", () => {
  it("joins a request with its answer", () => {
    const model = create();
    const row = take(model, line("from-client", call(1)));
    assert.equal(row.state, "open");
    take(model, line("to-client", { id: "1", jsonrpc: "2.0", result: {} }));
    assert.equal(row.state, "open", "an id of another spelling is another id");
    take(model, line("to-client", { id: 1, jsonrpc: "2.0", result: {} }));
    assert.deepEqual([row.state, row.took, row.messages.length], ["ok", 2e6, 2]);
    assert.deepEqual([model.tools.get("tools/call echo").count, model.sessions.get("0123abcd").calls], [1, 1]);
  });

  it("tells errors apart from tools that fail", () => {
    const model = create();
    const answers = [
      { error: { code: -32602, message: "no" }, id: 1 },
      { id: 2, result: { content: [{ text: "broken", type: "text" }], isError: true } },
    ];
    for (const answer of answers) {
      take(model, line("from-client", call(answer.id)));
      take(model, line("to-client", answer));
    }
    assert.deepEqual(
      model.rows.map((row) => row.state),
      ["error", "failed"],
    );
    assert.deepEqual([...model.errors.keys()], ["-32602: no", "tool error: broken"]);
  });

  it("says how many messages were lost, and that calls may have been answered in them", () => {
    const model = create();
    const row = take(model, line("from-client", call(1)));
    const gap = take(model, { point: "skipped", skipped: 4000, t: 5e6 });
    assert.deepEqual([gap.kind, gap.skipped, row.state, model.skipped], ["skipped", 4000, "unseen", 4000]);
    take(model, line("to-client", { id: 1, jsonrpc: "2.0", result: {} }));
    assert.equal(row.state, "ok", "its answer came after that");
  });

  it("joins a question of the server with the answer of its client", () => {
    const model = create();
    const row = take(model, line("to-client", { id: 9, method: "elicitation/create", params: {} }));
    take(model, line("from-client", { id: 9, result: { action: "decline" } }));
    assert.equal(row.state, "ok");
  });

  it("keeps clients without sessions apart by their streams", () => {
    const model = create();
    const one = take(model, line("from-client", call(1), { session: undefined, stream: 1 }));
    const other = take(model, line("from-client", call(1), { session: undefined, stream: 2 }));
    take(model, line("to-client", { id: 1, result: {} }, { session: undefined, stream: 2 }));
    assert.deepEqual([one.state, other.state], ["open", "ok"]);
  });

  it("knows who the sessions are and what the servers do", () => {
    const model = create();
    take(model, { event: { transport: "sse", what: "opened" }, point: "session", session: "0123abcd", t: 1 });
    const params = { clientInfo: { name: "Inspector", version: "2" }, protocolVersion: "2025-11-25" };
    take(model, line("from-client", { id: 0, method: "initialize", params }));
    take(model, line("to-client", { id: 0, result: {} }));
    const session = model.sessions.get("0123abcd");
    assert.deepEqual([session.client, session.transport, session.state], ["Inspector 2", "sse", "open"]);
    take(model, { event: { name: "node", pid: 7, what: "started" }, point: "server", server: 1, t: 2 });
    take(model, { point: "stderr", server: 1, t: 3, text: "a\nb" });
    take(model, {
      event: { name: "node", outcome: "exited with code 3", what: "ended" },
      point: "server",
      server: 1,
      t: 4,
    });
    const server = model.servers.get(1);
    assert.deepEqual([server.stderr, server.state], [["a", "b"], "exited with code 3"]);
    know(model, { servers: [{ name: "node", number: 2, pid: 8 }] });
    assert.equal(model.servers.get(2).state, "running");
  });

  it("shows refused requests and lost messages as rows", () => {
    const model = create();
    const http = {
      method: "POST",
      refused: "unauthorized",
      request: [],
      response: [],
      status: 401,
      target: "/mcp",
      took: 5,
    };
    take(model, { exchange: 3, http, point: "http", t: 1 });
    take(model, { lost: 12, point: "lost", t: 2 });
    assert.deepEqual(
      model.rows.map((row) => row.state ?? row.lost),
      ["401", 12],
    );
    assert.equal(model.lost, 12);
  });

  it("is bounded", () => {
    const model = create();
    for (let id = 0; id < MOST_ROWS + 5000; id += 1) take(model, line("from-client", call(id)));
    assert.ok(model.rows.length <= MOST_ROWS + 1000);
    assert.ok(model.open.size <= MOST_ROWS + 1000);
    assert.equal(model.rows[0].number, model.trimmed);
  });

  it("takes whatever a peer sends", () => {
    const texts = ["", "null", "[]", "1", '"x"', "{", '{"id":null}', '{"params":null,"method":5}', "[1,[2]]"];
    const model = create();
    for (const text of [...texts, undefined]) {
      for (const point of ["from-client", "to-client", "from-server"]) take(model, { ...line(point, {}), text });
    }
    const cut = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"a":"';
    const { id, method, target } = envelope(cut);
    assert.deepEqual({ id, method, target }, { id: "7", method: "tools/call", target: "echo" });
  });

  it("recognises a truncated answer by its last bytes, where servers write the id last", () => {
    const text = `{"result":{"content":[{"id":"other","text":"${"x".repeat(50)}`;
    for (const [tail, id, failed] of [
      ['xx"}]},"jsonrpc":"2.0","id":7}', "7", false],
      ['xx"}],"isError":true},"id":"a" , "jsonrpc":"2.0" }\n', '"a"', true],
      ['xx"}]}}', '"other"', false],
    ]) {
      const head = envelope(text, tail);
      assert.deepEqual([head.id, head.failed, head.method], [id, failed, undefined], tail);
    }
    const model = create();
    take(model, { n: 0, point: "from-client", session: "s", stream: 1, t: 1, text: '{"id":7,"method":"tools/call"}' });
    const answer = { cut: 9000, n: 1, point: "to-client", session: "s", stream: 1, t: 5, tail: '"}]},"id":7}', text };
    assert.equal(take(model, answer).state, "ok");
    assert.equal(model.rows.length, 1);
  });
});

describe("the filter", () => {
  const model = create();
  take(model, line("from-client", call(1, "echo")));
  take(model, line("to-client", { error: { code: 1, message: "Needle" }, id: 1 }));
  take(model, line("from-client", call(2, "add"), { session: "ffff0000" }));
  take(model, line("to-server", call(3), { server: 1 }));
  const found = (text, wire = false) =>
    model.rows.filter((row) => matches(row, filterOf(text), wire)).map(({ id }) => id);

  it("has a keyword for everything", () => {
    assert.deepEqual(found(""), ["1", "2"]);
    assert.deepEqual(found("", true), ["1", "2", "3"]);
    assert.deepEqual(found("tool:echo"), ["1"]);
    assert.deepEqual(found("status:error"), ["1"]);
    assert.deepEqual(found("-status:error"), ["2"]);
    assert.deepEqual(found("session:ffff"), ["2"]);
    assert.deepEqual(found("server:1", true), ["3"]);
    assert.deepEqual(found("needle"), ["1"]);
    assert.deepEqual(found("-needle tools/"), ["2"]);
  });
});

describe("the words", () => {
  it("are short", () => {
    assert.deepEqual([5e3, 1.5e6, 2.5e8, 3e10, 9e12].map(duration), ["5 µs", "1.5 ms", "250 ms", "30.0 s", "2.5 h"]);
    assert.deepEqual([5, 1500, 2_500_000].map(size), ["5 B", "1.5 kB", "2.5 MB"]);
    assert.match(clock({ started: "2026-01-01T00:00:00.000Z" }, 1.5e9), /:01\.500$/);
    assert.deepEqual([percentile([3, 1, 2], 0.5), percentile([], 0.5), percentile([1, 9], 0.99)], [2, undefined, 9]);
  });

  it("quote what a shell would interpret", () => {
    const row = { messages: [{ text: '{"a":"it\'s $HOME"}' }] };
    assert.match(curl(row, undefined), /--data-raw '\{"a":"it'\\''s \$HOME"\}'$/);
    const details = {
      http: {
        method: "POST",
        request: [
          ["host", "h:1"],
          ["x-a", "b"],
        ],
        target: "/mcp",
      },
    };
    assert.match(curl(row, details), /^curl -X POST 'http:\/\/h:1\/mcp' \\\n {2}-H 'x-a: b'/);
  });

  it("find the rows that can be seen", () => {
    assert.deepEqual(visible(1000, 28, 2800, 280), { above: 2520, below: 24640, end: 120, start: 90 });
    assert.deepEqual(visible(3, 28, 0, 280), { above: 0, below: 0, end: 3, start: 0 });
  });
});

describe("the form", () => {
  it("has a field for each argument, and values of the right kind", () => {
    const schema = {
      properties: {
        a: { type: "integer" },
        b: { type: ["null", "boolean"] },
        c: { enum: [1, 2] },
        d: { type: "object" },
        e: true,
      },
      required: ["a"],
    };
    const fields = fieldsOf(schema);
    assert.deepEqual(
      fields.map(({ required, type }) => [required, type]),
      [
        [true, "integer"],
        [false, "boolean"],
        [false, undefined],
        [false, "object"],
        [false, undefined],
      ],
    );
    const values = ["7", "true", "2", '{"x":1}', "text"].map((text, index) => valueOf(fields[index], text));
    assert.deepEqual(values, [7, true, 2, { x: 1 }, "text"]);
    assert.throws(() => valueOf(fields[0], "x"), /a is not a number/);
    assert.throws(() => valueOf(fields[3], "{"), /d is not JSON/);
    assert.deepEqual(fieldsOf(null), []);
  });
});
