// Accidents of replicas behind nginx, with clients that call every 10 ms; prints the results as the table of
// docs/clusters.md. Exit code 1 if a call was not answered exactly once, ran twice or was lost with its session.
//
//   node __test__/cluster/chaos.mjs [words of scenarios]
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

import { Load } from "./load.mjs";
import { scenarios } from "./scenarios.mjs";
import { missing, World } from "./world.mjs";

const counting = fileURLToPath(new URL("counting.mjs", import.meta.url));

/** Runs one of the scenarios; returns the counts. */
export const happen = async (name, { clients, seconds, slow } = {}) => {
  const scenario = scenarios[name];
  const world = await World.start({ command: [process.execPath, counting, "LEDGER"] });
  try {
    const load = new Load(world.url, { clients, slow });
    await load.pass(50);
    await scenario.run({ load, seconds: seconds ?? scenario.seconds, world });
    await load.pass(50);
    return await load.stop(() => world.runs());
  } finally {
    await world.close();
  }
};

const row = (name, { counts, longest, problems, refused }) => {
  const of = (outcome) => counts[outcome] ?? 0;
  const cells = [of("result"), of("may have run"), of("broken"), refused, of("lost"), longest, problems.length];
  return `| ${name} | ${cells.join(" | ")} |`;
};

const main = async () => {
  const reason = await missing();
  if (reason) throw new Error(reason);
  const { positionals: words } = parseArgs({ allowPositionals: true });
  const names = Object.keys(scenarios).filter(
    (name) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  console.log(
    "| What | Results | May have run | Connection broken | Refused for now | Sessions lost | Longest (ms) | Problems |",
  );
  console.log("|---|---|---|---|---|---|---|---|");
  for (const name of names) {
    const counted = await happen(name, { slow: 300 });
    console.log(row(name, counted));
    for (const problem of counted.problems.slice(0, 10)) console.log(`  ${problem}`);
    if (counted.problems.length > 0) process.exitCode = 1;
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
