// Decides which rows are shown; functions of values.

/** The terms of a filter: `text`, `method:tools/call`, `tool:echo`, `session:1a2b`, `server:files`, `status:error`. */
export const filterOf = (text) =>
  text
    .trim()
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const found = /^(-?)(method|tool|session|server|status|point):(.+)$/i.exec(word);
      if (found) return { name: found[2].toLowerCase(), not: found[1] === "-", value: found[3].toLowerCase() };
      const not = word.length > 1 && word.startsWith("-");
      return { name: "text", not, value: (not ? word.slice(1) : word).toLowerCase() };
    });

const field = (row, name) => {
  if (name === "method") return row.method;
  if (name === "tool") return row.target;
  if (name === "session") return row.session;
  if (name === "point") return row.point;
  if (name === "status") return row.state;
  return undefined;
};

const says = (row, value) =>
  [row.method, row.target, row.cause, row.session].some((text) => text?.toLowerCase().includes(value)) ||
  (row.messages ?? []).some((line) => line.text?.toLowerCase().includes(value));

const FAILED = new Set(["error", "failed"]);

/** Whether a row is shown; rows of the wire only on request. */
export const matches = (row, filter, wire) => {
  if (row.kind === "wire" && !wire) return false;
  return filter.every(({ name, not, value }) => {
    let found;
    if (name === "text") found = says(row, value);
    else if (name === "status" && value === "error") found = FAILED.has(row.state) || Number(row.state) >= 400;
    else if (name === "server")
      found = String(row.server) === value || (row.serverName?.toLowerCase().includes(value) ?? false);
    else if (name === "tool" || name === "method") found = field(row, name)?.toLowerCase().includes(value) ?? false;
    else found = field(row, name)?.toLowerCase().startsWith(value) ?? false;
    return found !== not;
  });
};

/** Which of `count` rows of this height are drawn; starts with an even one, so that stripes do not move. */
export const visible = (count, height, top, room) => {
  const first = Math.max(0, Math.floor(top / height) - 10);
  const start = first - (first % 2);
  const end = Math.min(count, Math.ceil((top + room) / height) + 10);
  return { above: start * height, below: Math.max(0, count - end) * height, end, start };
};
