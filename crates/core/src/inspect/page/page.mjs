// The page: draws what the model contains. Content of messages is only ever added as text.
import { askServer, drawForm, openConsole } from "./console.mjs";
import { drawDetail, refreshDetail } from "./detail.mjs";
import { element } from "./json.mjs";
import { ask, follow, learn } from "./live.mjs";
import { choose, chosenIndex, drawRows, refilter } from "./rows.mjs";
import { $, copy, HEIGHT, isDark, now, open, setFilter, view, VIEWS } from "./state.mjs";
import { drawTimeline, rowAt, zoom } from "./timeline.mjs";
import { DRAW } from "./views.mjs";
import { curl, size } from "./words.mjs";

/** Interval at which open calls count up and the other views are redrawn. */
const OFTEN = 500;

const isDue = (at) => {
  const late = at - view.drawn > OFTEN;
  if (view.name === "messages") return view.changed || (late && !view.paused);
  return late;
};

const drawCounts = () => {
  const lost = view.model.lost ? `, ${view.model.lost} lost` : "";
  const skipped = view.model.skipped ? `, ${view.model.skipped} not shown` : "";
  const memory = view.state ? ` · memory ${size(view.state.memory)}` : "";
  $("counts").textContent = `${view.model.messages} messages${lost}${skipped}${memory}`;
};

const unchoose = () => choose(undefined);

const drawView = () => {
  if (view.name === "messages") {
    refreshDetail(unchoose);
    if (!view.paused) refilter();
    drawRows();
    if (!view.paused) drawTimeline();
    return;
  }
  const section = $(`view-${view.name}`);
  if (DRAW[view.name] && !section.contains(document.activeElement)) section.replaceChildren(...DRAW[view.name]());
};

const draw = (at) => {
  requestAnimationFrame(draw);
  if (!isDue(at)) return;
  Object.assign(view, { changed: false, drawn: at });
  drawCounts();
  drawView();
};

const setPaused = (paused) => {
  Object.assign(view, { changed: true, paused });
  $("pause").setAttribute("aria-pressed", paused);
};

const move = (to) => {
  if (view.shown.length === 0) return;
  choose(view.shown[Math.min(view.shown.length - 1, Math.max(0, to))], true);
};

const previous = () => move(chosenIndex() < 0 ? view.shown.length - 1 : chosenIndex() - 1);
const next = () => move(chosenIndex() + 1);

const KEYS = {
  "/": () => $("filter").focus(),
  "?": () => $("keys").showModal(),
  ArrowDown: next,
  ArrowUp: previous,
  End: () => {
    view.follow = true;
    move(view.shown.length - 1);
  },
  Escape: unchoose,
  Home: () => move(0),
  PageDown: () => move(chosenIndex() + 20),
  PageUp: () => move(chosenIndex() - 20),
  c: () => view.chosen && copy(curl(view.chosen, view.model.details.get(view.chosen.exchange)), $("status")),
  j: next,
  k: previous,
  r: () => {
    view.raw = !view.raw;
    drawDetail(unchoose);
  },
  z: () => setPaused(!view.paused),
};

const turnTab = (by) => {
  const index = (VIEWS.indexOf(view.name) + by + VIEWS.length) % VIEWS.length;
  open(VIEWS[index]);
  $(`tab-${view.name}`).focus();
};

const inField = ({ key, target }) => {
  if (!target.matches("input, textarea, select")) return false;
  if (key === "Escape") target.blur();
  return true;
};

const inTabs = ({ key, target }) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (!by || !target.matches("[role=tab]")) return false;
  turnTab(by);
  return true;
};

/** Named keys scroll the element that has the focus, except in the table. */
const isFor = ({ key, target }) =>
  key.length === 1 || key === "Escape" || (view.name === "messages" && !target.closest("#detail"));

const press = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  if (inField(event) || inTabs(event)) return;
  if (/^[1-6]$/.test(event.key)) return open(VIEWS[Number(event.key) - 1]);
  const act = KEYS[event.key];
  if (!act || !isFor(event)) return;
  event.preventDefault();
  act();
};

const listenToTable = () => {
  const grid = $("grid");
  grid.addEventListener("scroll", () => {
    const atEnd = grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 2 * HEIGHT;
    // Only a person stops the table from following; new rows do not.
    if (atEnd || view.scrolled) view.follow = atEnd;
    Object.assign(view, { changed: true, scrolled: false });
  });
  for (const name of ["wheel", "touchmove", "pointerdown"]) {
    grid.addEventListener(name, () => (view.scrolled = true), { passive: true });
  }
  $("follow").addEventListener("click", () => {
    view.follow = true;
    choose(undefined);
  });
};

const listenToFilter = () => {
  $("filter").addEventListener("input", () => setFilter($("filter").value));
  $("failed").addEventListener("change", () => {
    const words = view.text.split(/\s+/).filter((word) => word && word !== "status:error");
    setFilter([...words, ...($("failed").checked ? ["status:error"] : [])].join(" "));
  });
  $("wire").checked = view.wire;
  $("wire").addEventListener("change", () => {
    view.wire = $("wire").checked;
    setFilter(view.text);
  });
};

const listenToTimeline = () => {
  $("timeline").addEventListener("click", (event) => {
    const row = rowAt(event.offsetX, event.offsetY);
    if (row) choose(row, true);
  });
  $("timeline").addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1 : -1);
    },
    { passive: false },
  );
  $("zoom-in").addEventListener("click", () => zoom(-1));
  $("zoom-out").addEventListener("click", () => zoom(1));
};

const download = async (path, name) => {
  const response = await ask(path);
  const link = element("a", "");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

const changeTheme = () => {
  const root = document.documentElement;
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  view.changed = true;
};

const listenToBar = () => {
  $("pause").addEventListener("click", () => setPaused(!view.paused));
  $("help").addEventListener("click", () => $("keys").showModal());
  $("theme").addEventListener("click", changeTheme);
  $("download").addEventListener("click", () => download("/api/recording", "recording.jsonl"));
  $("otlp").addEventListener("click", () => download("/api/otlp", "otlp.jsonl"));
  for (const name of VIEWS) $(`tab-${name}`).addEventListener("click", () => open(name));
};

const listenToConsole = () => {
  $("connect").addEventListener("click", () => openConsole());
  $("what").addEventListener("change", drawForm);
  $("ask").addEventListener("click", () => askServer());
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    askServer();
  });
};

document.addEventListener("keydown", press);
addEventListener("resize", () => (view.changed = true));
for (const listen of [listenToTable, listenToFilter, listenToTimeline, listenToBar, listenToConsole]) listen();
const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;
open(view.name);
setFilter(view.text);
view.began = now();
follow();
learn();
requestAnimationFrame(draw);
