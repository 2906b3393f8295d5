// JSON as a tree that can be folded. Texts from messages are only ever added to the document as text.

/** Members of an object or array that are shown at first; a button shows more. */
const SHOWN = 200;
/** Levels that are open at first. */
const OPEN = 6;
const MEDIA = /^(image\/(png|jpeg|gif|webp)|audio\/(wav|mpeg|mp3|ogg|webm))$/;

/** An element with a class and children; strings become text. */
export const element = (tag, className, ...children) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
};

/** The tree of a value. */
export const tree = (value) => element("div", "json", node(value, 0));

const node = (value, depth, name) => {
  const label = name === undefined ? [] : [element("span", "key", JSON.stringify(name)), ": "];
  if (typeof value !== "object" || value === null) return element("div", "leaf", ...label, scalar(value));
  const isArray = Array.isArray(value);
  const entries = isArray ? value.map((one) => [undefined, one]) : Object.entries(value);
  const [before, behind] = isArray ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return element("div", "leaf", ...label, before + behind);
  const summary = element("summary", "", ...label, before, element("span", "count", ` ${entries.length} `), behind);
  const details = element("details", "", summary);
  let filled = false;
  const fill = () => {
    if (filled) return;
    filled = true;
    more(details, entries, 0, depth);
    if (!isArray) details.append(...media(value));
  };
  details.addEventListener("toggle", () => details.open && fill());
  if (depth < OPEN && entries.length <= SHOWN) {
    details.open = true;
    fill();
  }
  return details;
};

const more = (details, entries, from, depth) => {
  const now = entries.slice(from, from + SHOWN);
  details.append(...now.map(([name, one]) => node(one, depth + 1, name)));
  const left = entries.length - from - now.length;
  if (left <= 0) return;
  const button = element("button", "more", `${left} more`);
  button.addEventListener("click", () => {
    button.remove();
    more(details, entries, from + SHOWN, depth);
  });
  details.append(button);
};

const scalar = (value) => {
  const kind = value === null ? "null" : typeof value;
  const text = JSON.stringify(value);
  if (text.length <= 4000) return element("span", kind, text);
  const span = element("span", kind, `${text.slice(0, 4000)}…`);
  const button = element("button", "more", `all ${text.length} characters`);
  button.addEventListener("click", () => {
    span.textContent = text;
    button.remove();
  });
  return element("span", "", span, button);
};

/** Pictures and sounds of content blocks, which are base64 in their messages. */
const media = ({ blob, data, mimeType }) => {
  const base64 = data ?? blob;
  if (typeof base64 !== "string" || typeof mimeType !== "string" || !MEDIA.test(mimeType)) return [];
  if (!/^[\w+/=]*$/.test(base64.slice(0, 1000))) return [];
  const made = document.createElement(mimeType.startsWith("image/") ? "img" : "audio");
  made.src = `data:${mimeType};base64,${base64}`;
  if (made instanceof HTMLAudioElement) made.controls = true;
  else made.alt = `The ${mimeType} of this message`;
  return [made];
};
