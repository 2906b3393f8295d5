// Compares what a cell passed with its ceiling and its list of known gaps. Pure.

/**
 * - `pass`
 * - `gap`: fails, and a clause says that it must
 * - `ceiling`: fails, and so does the fixture without a proxy
 * - `unexpected`: fails with no reason known
 * - `stale`: passes although a clause says that it cannot
 *
 * @typedef {'pass' | 'gap' | 'ceiling' | 'unexpected' | 'stale'} Verdict
 */

/**
 * @param {import('./suite.mjs').Outcome} outcome
 * @param {import('./suite.mjs').Outcome | undefined} ceiling
 * @param {string | undefined} gap
 * @returns {Verdict}
 */
export function verdict(outcome, ceiling, gap) {
  const passes = outcome.failures.length === 0;
  if (passes) return gap ? "stale" : "pass";
  if (gap) return "gap";
  return ceiling && ceiling.failures.length > 0 ? "ceiling" : "unexpected";
}

/** Several runs of one cell as one: a scenario passes when it passed every time. */
export function merge(runs) {
  const [first, ...others] = runs;
  const merged = structuredClone(first);
  for (const run of others) {
    for (const [scenario, outcome] of Object.entries(run)) {
      if (merged[scenario].failures.length === 0) merged[scenario] = outcome;
    }
  }
  for (const [scenario, outcome] of Object.entries(merged)) {
    const failed = runs.filter((run) => run[scenario].failures.length > 0).length;
    if (failed > 0 && failed < runs.length) outcome.flaky = `${failed} of ${runs.length} runs`;
  }
  return merged;
}

/**
 * @param {Record<string, import('./suite.mjs').Outcome>} outcomes
 * @param {Record<string, import('./suite.mjs').Outcome> | undefined} ceiling
 * @param {Record<string, string>} gaps clause by scenario
 * @param {boolean} withUnscored whether scenarios that the revision does not require are judged too
 */
export function judge(outcomes, ceiling, gaps, withUnscored) {
  const judged = Object.entries(outcomes).filter(([, { scored }]) => scored || withUnscored);
  const verdicts = Object.fromEntries(
    judged.map(([scenario, outcome]) => [scenario, verdict(outcome, ceiling?.[scenario], gaps[scenario])]),
  );
  for (const scenario of Object.keys(gaps)) {
    if (!(scenario in outcomes)) verdicts[scenario] = "stale";
  }
  return verdicts;
}
