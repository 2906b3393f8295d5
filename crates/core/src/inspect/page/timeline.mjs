// Calls over time. Drawn from the newest on, and only as many as can be told apart.
import { $, isDark, now, view } from "./state.mjs";

/** Seconds that can be selected. */
const SPANS = [5, 15, 60, 300, 900, 3600];
/** Most bars that are drawn. */
const MOST_BARS = 4000;
/** Calls that are older than the visible range by this many nanoseconds are not looked for. */
const LONGEST = 600e9;
const TOP = 18;
const LANE = 6;

const inSight = (row, from, until) =>
  row.kind === "call" && row.state !== "passed" && row.t + (row.took ?? until - row.t) >= from;

const barsIn = (from, until) => {
  const { rows } = view.model;
  const bars = [];
  for (let index = rows.length - 1; index >= 0 && bars.length < MOST_BARS; index -= 1) {
    if (rows[index].t + LONGEST < from) break;
    if (inSight(rows[index], from, until)) bars.push(rows[index]);
  }
  return bars.reverse();
};

/** Assigns bars to lanes, so that simultaneous ones are below each other. */
const placed = (bars, x, until, lanes) => {
  const ends = new Array(lanes).fill(-1);
  return bars.map((row) => {
    const start = x(row.t);
    const end = Math.max(start + 2, x(row.t + (row.took ?? until - row.t)));
    const free = ends.findIndex((taken) => taken < start);
    const lane = free < 0 ? row.number % lanes : free;
    ends[lane] = end;
    return { end, row, start, top: TOP + lane * LANE };
  });
};

const prepared = (canvas) => {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((length) => Math.round(length * ratio));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
};

let known = {};

/** The colours of the style sheet for the canvas. */
const palette = () => {
  const dark = isDark();
  if (known.dark !== dark) {
    const canvas = $("timeline");
    const colors = ["--bad", "--accent", "--open", "--text", "--line"].map((name) => {
      canvas.style.color = `var(${name})`;
      return getComputedStyle(canvas).color;
    });
    known = { colors, dark };
  }
  return known.colors;
};

export const drawTimeline = () => {
  const canvas = $("timeline");
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const context = prepared(canvas);
  const [bad, good, open, text, line] = palette();
  const colors = { error: bad, failed: bad, ok: good, open };
  const until = Math.max(now(), view.model.rows.at(-1)?.t ?? 0);
  const from = until - view.span * 1e9;
  context.fillStyle = line;
  for (let tick = 0; tick <= 6; tick += 1) context.fillRect((tick * width) / 6, height - 10, 1, 10);
  const x = (t) => ((t - from) / (view.span * 1e9)) * width;
  const lanes = Math.max(1, Math.floor((height - TOP - 4) / LANE));
  view.bars = placed(barsIn(from, until), x, until, lanes);
  for (const { end, row, start, top } of view.bars) {
    context.fillStyle = row === view.chosen ? text : (colors[row.state] ?? good);
    context.fillRect(start, top, end - start, LANE - 2);
  }
  $("span").textContent = view.span < 60 ? `${view.span} s` : `${view.span / 60} min`;
};

/** The row whose bar is closest to this point. */
export const rowAt = (x, y) => {
  const near = ({ end, start, top }) => x >= start - 2 && x <= end + 2 && Math.abs(y - top - 2) < 5;
  return [...(view.bars ?? [])].reverse().find(near)?.row;
};

export const zoom = (by) => {
  const index = Math.min(SPANS.length - 1, Math.max(0, SPANS.indexOf(view.span) + by));
  Object.assign(view, { changed: true, span: SPANS[index] });
};
