// Finds where two JSON values differ. Pure.

/** Members that depend on the revision or the time, not on the server. */
const OF_THE_REVISION = new Set(["_meta", "cacheScope", "execution", "resultType", "ttlMs"]);

/** The first difference, as a path and both values; `undefined` if there is none. */
export function difference(one, other, path = "") {
  if (one === other) return undefined;
  const areObjects = [one, other].every((value) => typeof value === "object" && value !== null);
  if (!areObjects || Array.isArray(one) !== Array.isArray(other)) {
    return `${path || "."}: ${shown(one)} directly, ${shown(other)} through the proxy`;
  }
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  for (const key of keys) {
    if (OF_THE_REVISION.has(key)) continue;
    const found = difference(one[key], other[key], `${path}.${key}`);
    if (found) return found;
  }
  return undefined;
}

const shown = (value) => (JSON.stringify(value) ?? "nothing").slice(0, 100);
