// The table of messages: only visible rows are elements.
import { drawDetail } from "./detail.mjs";
import { matches, visible } from "./filter.mjs";
import { element } from "./json.mjs";
import { $, HEIGHT, MARKS, now, view } from "./state.mjs";
import { clock, duration, size } from "./words.mjs";

export const refilter = () => {
  const { rows } = view.model;
  if (view.dirty || view.trimmed !== view.model.trimmed) {
    view.shown = rows.filter((row) => matches(row, view.filter, view.wire));
    [view.dirty, view.seen, view.trimmed] = [false, rows.length, view.model.trimmed];
    return;
  }
  for (; view.seen < rows.length; view.seen += 1)
    if (matches(rows[view.seen], view.filter, view.wire)) view.shown.push(rows[view.seen]);
};

/** Rows that stand for what is not in the table. */
const GAPS = {
  lost: ({ lost }) => `${lost} messages are missing here: newer ones had replaced them before they were read`,
  skipped: ({ skipped }) =>
    `${skipped} messages and events are not shown, because too many came at once (a recording has them)`,
};

const stateOf = (row) => {
  if (row.state === "ok") return ["ok", "s-ok"];
  if (row.state === "error" || row.state === "failed" || Number(row.state) >= 400) return [row.state, "s-bad"];
  if (row.state === "open") return ["open", "s-open"];
  return [GAPS[row.kind] ? row.kind : row.state === "unseen" ? "not shown" : "", "s-dim"];
};

const rowElement = () => {
  const cells = ["time", "method", "state", "took", "bytes", "who"].map((name) => element("span", name));
  for (const cell of cells) cell.setAttribute("role", "gridcell");
  const made = element("div", "row", ...cells);
  made.setAttribute("role", "row");
  made.addEventListener("click", () => choose(made.row));
  return made;
};

/** The duration of a row, or its time so far. */
const tookOf = (row) => duration(row.state === "open" ? Math.max(0, now() - row.t) : row.took);

const whoOf = (row) =>
  [row.session, row.serverName ?? (row.server && `server ${row.server}`)].filter(Boolean).join(" · ");

const fillMethod = (cell, row) => {
  const mark = element("span", "mark", MARKS[row.point] ?? "·");
  mark.setAttribute("aria-hidden", "true");
  const text = GAPS[row.kind]?.(row) ?? row.method;
  cell.replaceChildren(mark, text, row.target ? element("span", "target", row.target) : "");
};

const fill = (made, row, index) => {
  const [time, method, state, took, bytes, who] = made.children;
  made.row = row;
  made.id = `row-${row.number}`;
  made.className = `row${index % 2 === 0 ? " even" : ""}${row === view.chosen ? " chosen" : ""}`;
  made.setAttribute("aria-rowindex", index + 2);
  made.setAttribute("aria-selected", row === view.chosen);
  time.textContent = clock(view.model, row.t);
  fillMethod(method, row);
  const [word, className] = stateOf(row);
  state.textContent = word;
  state.className = `state ${className}`;
  took.textContent = tookOf(row);
  bytes.textContent = row.bytes ? size(row.bytes) : "";
  who.textContent = whoOf(row);
};

export const drawRows = () => {
  const grid = $("grid");
  const room = grid.clientHeight;
  if (view.follow && !view.paused) grid.scrollTop = view.shown.length * HEIGHT;
  const { above, below, end, start } = visible(view.shown.length, HEIGHT, grid.scrollTop, room);
  $("above").style.height = `${above}px`;
  $("below").style.height = `${below}px`;
  const rows = $("rows");
  while (rows.children.length < end - start) rows.append(rowElement());
  while (rows.children.length > end - start) rows.lastChild.remove();
  for (let index = start; index < end; index += 1) fill(rows.children[index - start], view.shown[index], index);
  if (view.follow && !view.paused) grid.scrollTop = view.shown.length * HEIGHT;
  grid.setAttribute("aria-rowcount", view.shown.length + 1);
  $("follow").hidden = view.follow;
};

export const chosenIndex = () => view.shown.indexOf(view.chosen);

const scrollTo = (row) => {
  const top = view.shown.indexOf(row) * HEIGHT;
  const grid = $("grid");
  const room = grid.clientHeight - 3 * HEIGHT;
  if (top < grid.scrollTop) grid.scrollTop = top;
  if (top > grid.scrollTop + room) grid.scrollTop = top - room;
};

export const choose = (row, scroll = false) => {
  Object.assign(view, { changed: true, chosen: row });
  if (row && row !== view.shown.at(-1)) view.follow = false;
  if (row && scroll) scrollTo(row);
  if (row) $("grid").setAttribute("aria-activedescendant", `row-${row.number}`);
  else $("grid").removeAttribute("aria-activedescendant");
  drawDetail(() => choose(undefined));
};
