// An append-only record that a test can read at once or wait for. Everything a test waits for uses it, so there is one
// deadline and one kind of failure: with what was recorded instead.

const DEADLINE_MS = 20_000;

export class Journal {
  entries = [];
  #waiters = new Set();

  push(entry) {
    this.entries.push(entry);
    for (const waiter of this.#waiters) waiter(entry);
  }

  /** The first entry, recorded already or still to come, that satisfies `predicate`. */
  first(predicate, description) {
    const index = this.entries.findIndex((entry) => predicate(entry));
    return index >= 0 ? Promise.resolve(this.entries[index]) : this.next(predicate, description);
  }

  /** The first entry recorded from here on that satisfies `predicate`. */
  next(predicate, description) {
    const start = this.entries.length;
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        clearTimeout(deadline);
        this.#waiters.delete(waiter);
        settle(value);
      };
      const waiter = (entry) => {
        try {
          if (predicate(entry)) finish(resolve, entry);
        } catch (error) {
          finish(reject, error);
        }
      };
      const deadline = setTimeout(() => {
        const since = JSON.stringify(this.entries.slice(start), undefined, 1).slice(0, 4_000);
        finish(reject, new Error(`waited ${DEADLINE_MS} ms for ${description}; since then: ${since}`));
      }, DEADLINE_MS);
      this.#waiters.add(waiter);
    });
  }
}
