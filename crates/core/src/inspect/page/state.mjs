// State that the parts of the page share.
import { filterOf } from "./filter.mjs";
import { element } from "./json.mjs";
import { create } from "./model.mjs";

export const $ = (id) => document.getElementById(id);

export const VIEWS = ["messages", "sessions", "servers", "tools", "errors", "console"];
/** Height of a row of the table, as the style sheet has it. */
export const HEIGHT = 28;
export const MARKS = { "from-client": "→", "from-server": "⇠", "to-client": "←", "to-server": "⇢" };

const address = new URLSearchParams(location.hash.slice(1));

/** The token of the URL, which can be used once and is removed from the address. */
export const invitation = address.get("token");

export const view = {
  changed: true, // something must be drawn
  chosen: undefined,
  console: undefined,
  detail: "", // what the visible detail was drawn from
  dirty: true, // the whole filter must be applied again
  drawn: 0,
  filter: filterOf(address.get("filter") ?? ""),
  follow: true,
  model: create(),
  name: VIEWS.includes(address.get("view")) ? address.get("view") : "messages",
  paused: false,
  raw: false,
  seen: 0, // rows of the model that were looked at
  shown: [],
  span: 60,
  state: undefined,
  text: address.get("filter") ?? "",
  wire: address.get("wire") === "1",
};

/** Nanoseconds since the start, on this clock. */
export const now = () => (Date.now() - Date.parse(view.model.started ?? new Date().toISOString())) * 1e6;

const scheme = matchMedia("(prefers-color-scheme: dark)");

/** Whether the page is dark: as the reader chose, else as the system is. */
export const isDark = () => {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : scheme.matches;
};

export const button = (text, act) => {
  const made = element("button", "", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
};

export const copy = async (text, made) => {
  try {
    await navigator.clipboard.writeText(text);
    made.textContent = "Copied";
  } catch {
    made.textContent = "The browser refuses to copy";
  }
};

export const remember = () => {
  const next = new URLSearchParams();
  if (view.name !== "messages") next.set("view", view.name);
  if (view.text) next.set("filter", view.text);
  if (view.wire) next.set("wire", "1");
  const text = next.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname);
};

export const setFilter = (text) => {
  Object.assign(view, { changed: true, dirty: true, filter: filterOf(text), text });
  $("filter").value = text;
  $("failed").checked = view.filter.some((one) => one.name === "status" && one.value === "error" && !one.not);
  remember();
};

export const open = (name) => {
  Object.assign(view, { changed: true, drawn: 0, name });
  for (const one of VIEWS) {
    $(`view-${one}`).hidden = one !== name;
    $(`tab-${one}`).setAttribute("aria-selected", one === name);
    $(`tab-${one}`).tabIndex = one === name ? 0 : -1;
  }
  remember();
};
