// Sessions, servers, latency and errors.
import { element } from "./json.mjs";
import { button, now, open, setFilter, view } from "./state.mjs";
import { clock, duration, percentile, size } from "./words.mjs";

const tableOf = (heads, rows, empty) => {
  if (rows.length === 0) return element("p", "empty", empty);
  const cell = (tag, [text, className]) => element(tag, className ?? "", text);
  const head = element("thead", "", element("tr", "", ...heads.map((one) => cell("th", one))));
  const body = element("tbody", "", ...rows.map((row) => element("tr", "", ...row.map((one) => cell("td", one)))));
  return element("div", "scroll", element("table", "", head, body));
};

const filterLink = (text, wanted) =>
  button(text, () => {
    setFilter(wanted);
    open("messages");
  });

const drawSessions = () => {
  const rows = [...view.model.sessions.values()]
    .reverse()
    .map((one) => [
      [filterLink(one.id, `session:${one.id}`)],
      [one.client ?? ""],
      [one.version ?? ""],
      [one.transport ?? ""],
      [String(one.calls), "n"],
      [one.first === undefined ? "" : clock(view.model, one.first)],
      [one.state],
    ]);
  const heads = [["Session"], ["Client"], ["Revision"], ["Transport"], ["Calls", "n"], ["Opened"], ["State"]];
  return [tableOf(heads, rows, "No client has opened a session yet.")];
};

const factsOf = (one) => {
  const { age, cpu, memory, pid, restarts, signIn, state } = one;
  const runs = state === "running" && age !== undefined;
  return [
    state,
    pid ? `process ${pid}` : "",
    runs ? `for ${duration(age * 1e6)}` : "",
    restarts ? `restarts: ${restarts}` : "",
    signIn ? `sign-in: ${signIn}` : "",
    memory ? `memory ${size(memory)}` : "",
    Number.isFinite(cpu) ? `CPU ${cpu.toFixed(1)} s` : "",
  ].filter(Boolean);
};

const serverCard = (one) => {
  const words = one.stderr.join("\n");
  return element(
    "div",
    "card",
    element("h2", "", `${one.number} · ${one.name}`),
    element("span", one.state === "running" ? "s-ok" : "s-bad", factsOf(one).join(" · ")),
    words
      ? scrollable(element("pre", "", words), `Standard error of server ${one.number}`)
      : element("p", "s-dim", "Nothing on standard error."),
  );
};

const drawServers = () => {
  const cards = [...view.model.servers.values()].reverse().map(serverCard);
  return [element("div", "cards", ...(cards.length ? cards : [element("p", "empty", "No server is running yet.")]))];
};

const scrollable = (made, name) => {
  made.tabIndex = 0;
  made.setAttribute("role", "region");
  made.setAttribute("aria-label", name);
  return made;
};

const drawTools = () => {
  const tools = [...view.model.tools.values()].sort((one, other) => other.count - one.count);
  const slowest = Math.max(1, ...tools.map((tool) => percentile(tool.durations, 0.99) ?? 0));
  const rows = tools.map((tool) => {
    const [half, most] = [percentile(tool.durations, 0.5), percentile(tool.durations, 0.99)];
    const meter = element("span", "meter");
    meter.style.width = `${Math.round((most / slowest) * 120)}px`;
    return [
      [tool.name],
      [String(tool.count), "n"],
      [String(tool.errors), tool.errors ? "n s-bad" : "n"],
      [duration(half), "n"],
      [duration(most), "n"],
      [meter],
    ];
  });
  const heads = [["Call"], ["Count", "n"], ["Errors", "n"], ["p50", "n"], ["p99", "n"], ["p99 compared"]];
  const total = tools.reduce((sum, tool) => sum + tool.count, 0);
  const seconds = Math.max(1, now() / 1e9);
  return [
    element("p", "empty", `${total} calls, ${(total / seconds).toFixed(1)} per second since the proxy started.`),
    tableOf(heads, rows, "No call has been answered yet."),
  ];
};

const drawErrors = () => {
  const causes = [...view.model.errors.values()].sort((one, other) => other.count - one.count);
  const rows = causes.map((one) => [
    [String(one.count), "n"],
    [filterLink(one.cause, one.cause.split(/[\s:]+/).slice(-1)[0] ?? "")],
    [clock(view.model, one.last)],
  ]);
  return [tableOf([["Count", "n"], ["Cause"], ["Last"]], rows, "Nothing has failed.")];
};

export const DRAW = { errors: drawErrors, servers: drawServers, sessions: drawSessions, tools: drawTools };
