// The selected message: request and answer side by side.
import { element, tree } from "./json.mjs";
import { ask } from "./live.mjs";
import { $, button, copy, view } from "./state.mjs";
import { clock, curl, duration, size } from "./words.mjs";

const wholeOf = async (line) => {
  if (line.cut === undefined) return line;
  const response = await ask(`/api/frame/${line.n}`);
  return response.ok ? response.json() : line;
};

const showText = (text) => {
  if (!view.raw) {
    try {
      return tree(JSON.parse(text));
    } catch {
      // Shown as it is.
    }
  }
  return element("pre", "", text.length > 500_000 ? `${text.slice(0, 500_000)}…` : text);
};

const side = (title, line) => {
  const body = element("div", "");
  const box = element(
    "div",
    "",
    element("h2", "", `${title} · ${clock(view.model, line.t)} · ${size(line.cut ?? line.text?.length)}`),
    body,
  );
  const show = (whole) => {
    const note =
      whole.cut === undefined ? "" : element("p", "s-dim", `Only the beginning of ${size(whole.cut)} is kept.`);
    body.replaceChildren(note, showText(whole.text ?? `base64: ${whole.base64 ?? ""}`));
  };
  show(line.cut === undefined ? line : { ...line, text: line.text });
  if (line.cut !== undefined) wholeOf(line).then(show, () => undefined);
  return box;
};

const headersTable = (title, pairs) => {
  const rows = pairs.map(([name, value]) => element("tr", "", element("td", "", name), element("td", "", value)));
  return element(
    "details",
    "",
    element("summary", "", title),
    element("div", "scroll", element("table", "", element("tbody", "", ...rows))),
  );
};

const during = (row) => view.model.rows.filter((one) => one.during === row);

const titlesOf = (row) => {
  if (row.point === "to-server") return ["To the server"];
  if (row.point === "from-server") return ["From the server"];
  if (row.state !== "passed") return ["Request", "Answer"];
  return [row.point === "from-client" ? "From the client" : "To the client"];
};

const toolsOf = (row, details, close) => {
  const ended = button("Close", close);
  if (!row.messages?.length) return element("div", "tools", ended);
  const asCurl = button("Copy as curl", () => copy(curl(row, details), asCurl));
  const text = () => row.messages.map((line) => line.text).join("\n");
  const asText = button("Copy message", () => copy(text(), asText));
  const raw = button(view.raw ? "Tree" : "Raw", () => {
    view.raw = !view.raw;
    drawDetail(close);
  });
  return element("div", "tools", asCurl, asText, raw, ended);
};

const httpOf = (details) => {
  if (!details) return [];
  const { http } = details;
  const title = `HTTP ${http.status} · ${http.method} ${http.target} · head after ${duration(http.took)}`;
  return [
    element("h2", "", title),
    headersTable("Request headers", http.request),
    headersTable("Response headers", http.response),
  ];
};

const meanwhile = (row) => {
  const others = during(row).flatMap((one) => one.messages.map((line) => side(one.method, line)));
  return others.length > 0 ? [element("h2", "", "Meanwhile"), element("div", "sides", ...others)] : [];
};

/** Everything that can still arrive for the selected message: its answer, related messages, its HTTP exchange. */
const arrivedFor = (row) => {
  const messages = [row, ...during(row)].reduce((sum, one) => sum + (one.messages?.length ?? 0), 0);
  return `${row.state} ${messages} ${view.model.details.has(row.exchange)}`;
};

/** Redraws the selected message if something new has arrived for it. */
export const refreshDetail = (close) => {
  if (view.chosen && view.detail !== arrivedFor(view.chosen)) drawDetail(close);
};

export const drawDetail = (close) => {
  const row = view.chosen;
  const detail = $("detail");
  detail.hidden = !row;
  if (!row) return;
  view.detail = arrivedFor(row);
  const details = view.model.details.get(row.exchange);
  const titles = titlesOf(row);
  const sides = (row.messages ?? []).map((line, index) => side(titles[index] ?? "Message", line));
  const took = row.took === undefined ? "" : ` · ${duration(row.took)}`;
  detail.replaceChildren(
    toolsOf(row, details, close),
    element("h2", "", row.target ? `${row.method} ${row.target}` : row.method, took),
    row.cause ? element("p", "s-bad", row.cause) : "",
    element("div", "sides", ...sides),
    ...meanwhile(row),
    ...httpOf(details),
  );
};
