// Everything that the page knows; functions of values, without document and network. Tested with `node --test`.

/** Exchanges that are kept; the oldest go first. */
export const MOST_ROWS = 20_000;
/** Lines of standard error that are kept for a server. */
const MOST_STDERR = 500;
/** Durations that are kept for a tool. */
const MOST_DURATIONS = 1000;

/** An empty model. */
export const create = () => ({
  details: new Map(), // what is known of an HTTP exchange, by its number
  errors: new Map(), // cause → { cause, count, last }
  lost: 0,
  messages: 0,
  open: new Map(), // who and id → row
  rows: [],
  servers: new Map(), // number → { number, name, state, restarts, stderr, … }
  sessions: new Map(), // id → { id, client, transport, calls, state }
  skipped: 0, // messages and events that were left out
  started: undefined,
  tools: new Map(), // name → { name, count, errors, durations }
  trimmed: 0, // rows that were dropped at the front
});

const parse = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** An id as the last member of a message, or before its version. */
const LAST_ID = /"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/;
const ANY_ID = /"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)/;

/** Reads a message. A truncated one cannot be parsed, but the id is usually at its beginning or end. */
export const envelope = (text, tail = "") => {
  const value = tail ? undefined : parse(text);
  if (value !== undefined) return { value, ...heads(Array.isArray(value) ? value[0] : value) };
  const method = /^\s*\{[^{]*"method"\s*:\s*"([^"\\]*)"/.exec(text)?.[1];
  const id = (LAST_ID.exec(tail) ?? ANY_ID.exec(text))?.[1];
  const failed = /"isError"\s*:\s*true/.test(tail);
  const name = /"(?:name|uri)"\s*:\s*"([^"\\]*)"/.exec(text)?.[1];
  return { error: /^\s*\{[^{]*"error"\s*:/.test(text) ? {} : undefined, failed, id, method, target: method && name };
};

const heads = (value) => {
  if (typeof value !== "object" || value === null) return {};
  const { error, id, method, params } = value;
  const target = params?.name ?? params?.uri;
  return {
    error: error ?? undefined,
    failed: value.result?.isError === true,
    id: id === undefined || id === null ? undefined : JSON.stringify(id),
    method: typeof method === "string" ? method : undefined,
    target: typeof target === "string" ? target : undefined,
  };
};

const CLIENT = { "from-client": "request", "to-client": "answer" };

/** Takes one line of the live stream; returns the row that it concerns, if there is one. */
export const take = (model, line) => {
  if (line.format) {
    model.started = line.started;
    return undefined;
  }
  if (line.point === "lost") {
    model.lost += line.lost;
    return push(model, { kind: "lost", lost: line.lost, t: line.t });
  }
  if (line.point === "skipped") return skipped(model, line);
  if (line.point === "http") return http(model, line);
  if (line.point === "session") return session(model, line);
  if (line.point === "server") return server(model, line);
  if (line.point === "stderr") return stderr(model, line);
  model.messages += 1;
  if (CLIENT[line.point]) return message(model, line);
  return push(model, { ...side(line), kind: "wire", state: "passed" });
};

/** More has passed than can be drawn. It is kept, and calls that are open may have been answered in it. */
const skipped = (model, line) => {
  model.skipped += line.skipped;
  for (const row of model.open.values()) row.state = "unseen";
  return push(model, { kind: "skipped", skipped: line.skipped, t: line.t });
};

const side = (line) => {
  const head = envelope(line.text ?? "", line.tail);
  const { error, failed, id, method, target } = head;
  return {
    bytes: line.cut ?? line.text?.length ?? 0,
    cause: causeOf(head),
    error,
    exchange: line.exchange,
    failed,
    id,
    messages: [line],
    method: method ?? (error ? "error" : id === undefined ? "?" : "result"),
    point: line.point,
    server: line.server,
    serverName: line.name,
    session: line.session,
    stream: line.stream,
    t: line.t,
    target,
  };
};

const key = (line, id) => `${line.session ?? ""}/${line.session ? "" : (line.stream ?? "")}/${id}`;

/** A message between a client and the proxy: a new row, or the answer for an existing one. */
const message = (model, line) => {
  const seen = side(line);
  const answers = seen.id !== undefined && (seen.method === "result" || seen.method === "error");
  const asks = seen.id !== undefined && !answers;
  if (answers) {
    const opener = line.point === "to-client" ? "from-client" : "to-client";
    const row = model.open.get(opener + key(line, seen.id));
    if (row) {
      model.open.delete(opener + key(line, seen.id));
      return answered(model, row, line, seen);
    }
  }
  const row = { ...seen, kind: "call", state: asks ? "open" : "passed" };
  if (asks) {
    model.open.set(line.point + key(line, seen.id), row);
    count(model, line, row);
  } else if (line.point === "to-client") {
    note(model, row, line);
  }
  return push(model, row);
};

/** Messages that are sent during a call, and on its stream, are shown with the call. */
const note = (model, row, line) => {
  if (line.stream === undefined) return;
  for (const open of model.open.values()) {
    if (open.stream === line.stream && open.session === line.session) {
      row.during = open;
      return;
    }
  }
};

const answered = (model, row, line, seen) => {
  row.messages.push(line);
  row.took = line.t - row.t;
  row.bytes += line.cut ?? line.text?.length ?? 0;
  row.state = seen.error ? "error" : seen.failed ? "failed" : "ok";
  row.cause = seen.cause;
  if (row.cause) blame(model, row.cause, line.t);
  const name = nameOf(row);
  const tool = model.tools.get(name) ?? { count: 0, durations: [], errors: 0, name };
  tool.count += 1;
  tool.errors += row.state === "ok" ? 0 : 1;
  tool.durations.push(row.took);
  if (tool.durations.length > MOST_DURATIONS) tool.durations.shift();
  model.tools.set(name, tool);
  if (row.method === "initialize" || row.method === "server/discover") introduce(model, row);
  return row;
};

/** The subject of a row: its method, and the tool, prompt or resource. */
export const nameOf = (row) => (row.target ? `${row.method} ${row.target}` : row.method);

const causeOf = ({ error, failed, value }) => {
  if (error) return `${error.code ?? "error"}: ${String(error.message ?? "").slice(0, 120)}`;
  if (!failed) return undefined;
  const text = value?.result?.content?.find?.((part) => part?.type === "text")?.text;
  return `tool error: ${String(text ?? "").slice(0, 120)}`;
};

const blame = (model, cause, t) => {
  const known = model.errors.get(cause) ?? { cause, count: 0, last: t };
  known.count += 1;
  known.last = t;
  if (model.errors.size < 500 || model.errors.has(cause)) model.errors.set(cause, known);
};

const sessionOf = (model, id) => {
  const known = model.sessions.get(id) ?? { calls: 0, id, state: "open" };
  model.sessions.set(id, known);
  if (model.sessions.size > 2000) model.sessions.delete(model.sessions.keys().next().value);
  return known;
};

const count = (model, line, row) => {
  if (!line.session) return;
  const known = sessionOf(model, line.session);
  known.calls += 1;
  known.last = row.t;
  known.first ??= row.t;
};

const introduce = (model, row) => {
  const asked = envelope(row.messages[0].text ?? "").value;
  const client = asked?.params?.clientInfo ?? asked?.params?._meta?.["io.modelcontextprotocol/clientInfo"];
  if (!client || !row.session) return;
  const known = sessionOf(model, row.session);
  known.client = `${client.title ?? client.name ?? "?"} ${client.version ?? ""}`.trim();
  known.version = asked?.params?.protocolVersion;
};

const session = (model, line) => {
  const known = sessionOf(model, line.session);
  if (line.event?.what === "opened") Object.assign(known, { first: line.t, transport: line.event.transport });
  else Object.assign(known, { last: line.t, state: "closed" });
  return undefined;
};

const serverOf = (model, number, name) => {
  const known = model.servers.get(number) ?? { name, number, state: "running", stderr: [] };
  known.name ??= name;
  model.servers.set(number, known);
  return known;
};

const server = (model, line) => {
  const { attempt, detail, name, outcome, pid, step, what } = line.event ?? {};
  if (what === "sign-in") {
    const known = serverOf(model, line.server, line.name);
    known.signIn = step;
    const text = `${line.name ?? known.name ?? `server ${line.server}`}: sign-in ${step}`;
    return push(model, {
      kind: "life",
      method: text,
      server: line.server,
      serverName: line.name,
      state: step,
      t: line.t,
      target: detail,
    });
  }
  if (what === "restarting") {
    const last = [...model.servers.values()].reverse().find((known) => known.name === name);
    if (last) Object.assign(last, { restarts: attempt, state: `restarting (${attempt})` });
  } else {
    const known = serverOf(model, line.server, name);
    if (what === "started") Object.assign(known, { pid, since: line.t, state: "running" });
    else Object.assign(known, { ended: line.t, state: outcome ?? "ended" });
  }
  const text = what === "ended" ? `${name} ${outcome}` : what === "started" ? `${name} started` : `${name} restarts`;
  return push(model, {
    kind: "life",
    method: text,
    server: line.server,
    serverName: line.name,
    state: what,
    t: line.t,
  });
};

const stderr = (model, line) => {
  const known = serverOf(model, line.server, `server ${line.server}`);
  known.stderr.push(...(line.text ?? "").split("\n"));
  if (known.stderr.length > MOST_STDERR) known.stderr.splice(0, known.stderr.length - MOST_STDERR);
  return undefined;
};

/** The head of an exchange: details for its rows, or a new row if it was refused. */
const http = (model, line) => {
  model.details.set(line.exchange, line);
  if (model.details.size > MOST_ROWS) model.details.delete(model.details.keys().next().value);
  const { method, refused, status, target } = line.http;
  attribute(model, line.exchange, target);
  if (status < 400) return undefined;
  const cause = `HTTP ${status}${refused ? `: ${refused}` : ""}`;
  blame(model, cause, line.t);
  return push(model, {
    cause,
    exchange: line.exchange,
    kind: "http",
    messages: [],
    method: `${method} ${target}`,
    state: String(status),
    t: line.t,
    took: line.http.took,
  });
};

/** Rows among which the message of an exchange is looked for; its head follows it closely. */
const RECENT = 500;

/** Remembers the name of the server whose own endpoint a client has used: `/servers/NAME/mcp`. */
const attribute = (model, exchange, target) => {
  const name = /^\/servers\/([^/?]+)\//.exec(target)?.[1];
  if (!name) return;
  for (let at = model.rows.length - 1; at >= Math.max(0, model.rows.length - RECENT); at -= 1) {
    const row = model.rows[at];
    if (row.exchange === exchange && row.kind === "call") row.serverName ??= decoded(name);
  }
};

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const push = (model, row) => {
  row.number = model.trimmed + model.rows.length;
  model.rows.push(row);
  if (model.rows.length > MOST_ROWS + 1000) {
    for (const old of model.rows.splice(0, 1000)) {
      if (old.state === "open" || old.state === "unseen") model.open.delete(old.point + key(old, old.id));
    }
    model.trimmed += 1000;
  }
  return row;
};

/** Updates the running servers from the answer of `/api/state`. */
export const know = (model, state) => {
  const running = new Set(state.servers.map(({ number }) => number));
  for (const one of state.servers) {
    const known = serverOf(model, one.number, one.name);
    Object.assign(known, { age: one.age, cpu: one.cpu, memory: one.memory, name: one.name, pid: one.pid });
  }
  for (const known of model.servers.values()) {
    if (!running.has(known.number) && known.state === "running") known.state = "ended";
  }
};
