// Formats numbers for people, and a message as a command line.

/** A quantile of sorted numbers. */
export const percentile = (durations, part) => {
  if (durations.length === 0) return undefined;
  const sorted = [...durations].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * part) - 1))];
};

/** Formats nanoseconds. */
export const duration = (nanos) => {
  if (nanos === undefined) return "";
  const millis = nanos / 1e6;
  if (millis < 1) return `${(nanos / 1e3).toFixed(0)} µs`;
  if (millis < 100) return `${millis.toFixed(1)} ms`;
  if (millis < 10_000) return `${millis.toFixed(0)} ms`;
  if (millis < 120_000) return `${(millis / 1e3).toFixed(1)} s`;
  if (millis < 7_200_000) return `${(millis / 6e4).toFixed(0)} min`;
  return `${(millis / 3.6e6).toFixed(1)} h`;
};

/** Formats bytes. */
export const size = (bytes) => {
  if (bytes === undefined || bytes === null) return "";
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
};

/** Formats a time of day on the reader's clock. */
export const clock = (model, t) => {
  const at = new Date(Date.parse(model.started ?? "1970-01-01T00:00:00Z") + t / 1e6);
  const two = (number, width = 2) => String(number).padStart(width, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${two(at.getMilliseconds(), 3)}`;
};

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A command line that repeats the message of a row. */
export const curl = (row, details) => {
  const http = details?.http;
  const pairs = http?.request ?? [
    ["content-type", "application/json"],
    ["accept", "application/json, text/event-stream"],
  ];
  const host = pairs.find(([name]) => name === "host")?.[1] ?? "localhost:8080";
  const skipped = /^(accept-encoding|connection|content-length|host|origin|referer|sec-.*|user-agent)$/i;
  const address = `http://${host}${http?.target ?? "/mcp"}`;
  const parts = [`curl -X ${http?.method ?? "POST"} ${quoted(address)}`];
  for (const [name, value] of pairs) if (!skipped.test(name)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  const body = row.messages?.[0]?.text;
  if (body) parts.push(`--data-raw ${quoted(body)}`);
  return parts.join(" \\\n  ");
};
