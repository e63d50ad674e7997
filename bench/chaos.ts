/**
 * `npm run chaos`: this project's metrics and prom-client's own pushes under the same load and the same
 * faults, on real processes. See docs/design.md, "Chaos".
 */

import { availableParallelism, cpus } from "node:os";
import { EXIT, numberOption, parseOptions, runCommand, UsageError } from "../local/options.ts";
import { findPushgateway } from "../test/chaos/pushgateway-life.ts";
import { brokenPromises } from "../test/chaos/promises.ts";
import { PROMETHEUS } from "../test/chaos/prometheus.ts";
import { runWay, WAYS, type Way, type WayReport } from "../test/chaos/run-way.ts";
import { formatCounts, lossesTable, waysTable } from "../test/chaos/table.ts";
import { whyNoRuntimeClient } from "../test/support/lambda/runtime-client.ts";

const HELP = `Counts under chaos: execution environments under AWS's own runtime client push to a real
Pushgateway, while the network, the processes and the Pushgateway itself fail, all drawn from a seed.

  npm run chaos -- [options]

  --environments N   at any time; default 50
  --invocations N    of each way; default 20000
  --rate N           invocations a second; default 100
  --ways WAY,...     of ${Object.keys(WAYS).join(", ")}; default all
  --seed TEXT        default: the time
  --help

Exit code: 0 this project's way kept its promises, 1 it did not, 2 could not run.
`;

await runCommand("npm run chaos --", main);
// Whatever a run that failed left behind ends with this process.
process.exit();

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: {
      environments: { type: "string" },
      invocations: { type: "string" },
      rate: { type: "string" },
      ways: { type: "string" },
      seed: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return EXIT.good;
  }
  const options = {
    seed: values.seed ?? String(Date.now()),
    environments: numberOption("environments", values.environments, {
      min: 1,
      max: 500,
      fallback: 50,
    }),
    invocations: numberOption("invocations", values.invocations, {
      min: 100,
      max: 1e6,
      fallback: 20_000,
    }),
    perSecond: numberOption("rate", values.rate, { min: 1, max: 2_000, fallback: 100 }),
  };
  const ways = parseWays(values.ways);
  const pushgateway = findPushgateway();
  if (pushgateway === undefined) throw new Error("expected a Pushgateway on this machine");
  if (PROMETHEUS === undefined) throw new Error("expected Prometheus on this machine");
  const missing = whyNoRuntimeClient();
  if (missing !== undefined) throw new Error(missing);

  console.log(
    `${cpus()[0]?.model}, ${availableParallelism()} cores, Node.js ${process.version}, ${pushgateway.name}`,
  );
  console.log(
    `seed ${options.seed}: ${options.environments} environments, ${options.invocations} invocations at ${options.perSecond}/s`,
  );
  const reports: WayReport[] = [];
  for (const way of ways) {
    const report = await runWay(way, { ...options, pushgateway, onProgress: console.log });
    reports.push(report);
    describeRun(report);
  }
  console.log(`\n${waysTable(reports)}`);
  return conclude(reports);
}

function describeRun(report: WayReport): void {
  const { way, outcomes, actions, faults, scrapes, pages, seconds } = report;
  const say = (line: string) => console.log(`${WAYS[way].title}: ${line}`);
  say(`invocations: ${formatCounts(outcomes)}`);
  say(`done to it: ${formatCounts(actions)}`);
  say(`faults between it and the Pushgateway: ${formatCounts(faults)}`);
  say(`${scrapes.good} of ${scrapes.all} scrapes by Prometheus, ${pages.pages} pages of our own`);
  say(`${seconds} s`);
}

/** Tells where this project's missing orders went, and what it promised and did not keep. */
function conclude(reports: readonly WayReport[]): number {
  const exact = reports.find(({ way }) => way === "exact");
  if (exact === undefined) return EXIT.good;
  const broken = brokenPromises(exact);
  console.log(`\n${WAYS.exact.title}:\n\n${lossesTable(exact)}`);
  console.log(
    `\n${exact.verdict?.series} series held against each other, ${exact.groups} groups for ` +
      `${exact.environments} environments, metrics_uncertain_total ${exact.uncertainSamples}`,
  );
  for (const what of broken) console.log(`BROKEN: ${what}`);
  return broken.length === 0 ? EXIT.good : EXIT.partly;
}

function parseWays(text: string | undefined): Way[] {
  const all = Object.keys(WAYS) as Way[];
  if (text === undefined) return all;
  return text.split(",").map((name) => {
    const way = all.find((one) => one === name.trim());
    if (way === undefined)
      throw new UsageError(`--ways: expected ${all.join(", ")}, got "${name}"`);
    return way;
  });
}
