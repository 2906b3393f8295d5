// Requests to the proxy, and what arrives from it. The token is sent in a header, never in a URL.
import { create, know, take } from "./model.mjs";
import { $, invitation, view } from "./state.mjs";

/** Where all tabs of this page store the token for their requests. */
const SESSION = "mcp-proxy-session";

const askWith = (token, path, options) =>
  fetch(path, { ...options, cache: "no-store", headers: { "x-inspect-token": token } });

export const ask = (path, options = {}) => askWith(localStorage.getItem(SESSION) ?? "", path, options);

/** Exchanges the token of the URL for a lasting one; returns why that was refused. */
const enter = async () => {
  if (!invitation) return undefined;
  const response = await askWith(invitation, "/api/session", { method: "POST" });
  if (!response.ok) return response.text();
  localStorage.setItem(SESSION, (await response.json()).token);
  return undefined;
};

/** The lines of an endless body, one array for each piece that arrives. */
export async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield lines.filter(Boolean).map((line) => JSON.parse(line));
  }
}

export const say = (text, className) => {
  if ($("status").textContent !== text) $("status").textContent = text;
  $("status").className = className;
};

/** Milliseconds between two polls, and while the tab is hidden. */
const OFTEN = 150;
const SELDOM = 2000;

const pause = (millis) => new Promise((done) => setTimeout(done, millis));

/** Takes the lines of an answer; returns where to continue. */
const takeAll = async (response, from) => {
  if (response.status === 401) throw new Refused(await response.text());
  if (!response.ok) throw new Error(response.statusText);
  const lines = (await response.text()).split("\n").filter(Boolean);
  let next = from;
  for (const text of lines) {
    const line = JSON.parse(text);
    note(take(view.model, line));
    if (line.n !== undefined) next = line.n + 1;
  }
  if (lines.length > 0) view.changed = true;
  return next;
};

/** Takes all lines that are there already; returns where to continue. */
const takeHistory = async () => {
  let [from, next, end] = [-1, 0, 1];
  while (from < next && next < end) {
    const response = await ask(`/api/events/${next}`);
    if (from < 0) end = Number(response.headers.get("x-next"));
    [from, next] = [next, await takeAll(response, next)];
  }
  return next;
};

/** The token was refused. */
class Refused extends Error {}

const begin = () => {
  Object.assign(view, { chosen: undefined, dirty: true, model: create(), seen: 0 });
  $("detail").hidden = true;
};

/** Polls for new lines. */
export const follow = async () => {
  let from;
  const refused = await enter().catch(() => undefined);
  for (;;) {
    try {
      if (from === undefined) {
        begin();
        from = await takeHistory();
      }
      from = await takeAll(await ask(`/api/live/${from}`), from);
      say("live", "live");
      await pause(document.hidden ? SELDOM : OFTEN);
    } catch (error) {
      // Another tab may get a token, which this tab can use, too.
      if (error instanceof Refused) say(refused ?? error.message, "gone");
      else say("The proxy does not answer. Trying again …", "gone");
      from = undefined;
      await pause(SELDOM);
    }
  }
};

/** A row that already exists may match now, or no longer match. */
const note = (row) => {
  if (row && row.number < view.model.trimmed + view.seen && view.filter.length > 0) view.dirty = true;
};

export const learn = async () => {
  for (;;) {
    try {
      const response = await ask("/api/state");
      if (response.ok) {
        const state = await response.json();
        know(view.model, state);
        view.state = state;
        $("connect").disabled = !state.console || view.console !== undefined;
        view.changed = true;
      }
    } catch {
      // The live stream says so.
    }
    await pause(2000);
  }
};
