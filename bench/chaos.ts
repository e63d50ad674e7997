/**
 * `npm run chaos`: this project's metrics and prom-client's own pushes under the same load and the same
 * faults, on real processes. See docs/design.md, "Chaos".
 */

import { availableParallelism, cpus } from "node:os";
import { EXIT, runCommand } from "../local/options.ts";
import { HELP, parseChaosOptions } from "../test/chaos/options.ts";
import { brokenPromises } from "../test/chaos/promises.ts";
import { PROMETHEUS } from "../test/chaos/prometheus.ts";
import { findPushgateway } from "../test/chaos/pushgateway-life.ts";
import { runWay, WAYS, type WayReport } from "../test/chaos/run-way.ts";
import { formatCounts, LEGEND, lossesTable, waysTable } from "../test/chaos/table.ts";
import { whyNoRuntimeClient } from "../test/support/lambda/runtime-client.ts";

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => process.exit(EXIT.interrupted));
}
await runCommand("npm run chaos --", main);
// Whatever a run that failed left behind ends with this process.
process.exit();

async function main(argv: readonly string[]): Promise<number> {
  const options = parseChaosOptions(argv);
  if (options === undefined) {
    process.stdout.write(HELP);
    return EXIT.good;
  }
  const pushgateway = findPushgateway();
  if (pushgateway === undefined) throw new Error("expected a Pushgateway on this machine");
  if (PROMETHEUS === undefined) throw new Error("expected Prometheus on this machine");
  const missing = whyNoRuntimeClient();
  if (missing !== undefined) throw new Error(missing);

  const { seed, environments, invocations, perSecond, pushgateways } = options;
  console.log(
    `${cpus()[0]?.model}, ${availableParallelism()} cores, Node.js ${process.version}, ${pushgateway.name}, ${new Date().toISOString().slice(0, 10)}`,
  );
  console.log(
    `--seed ${seed} --environments ${environments} --invocations ${invocations} --rate ${perSecond} --pushgateways ${pushgateways}`,
  );
  const reports: WayReport[] = [];
  let broken: readonly string[] = [];
  for (const way of options.ways) {
    const report = await runWay(way, { ...options, pushgateway, onProgress: console.log });
    reports.push(report);
    describeRun(report);
    if (way === "exact") broken = conclude(report);
  }
  console.log(`\n${waysTable(reports)}\n\n${LEGEND}`);
  for (const what of broken) console.log(`BROKEN: ${what}`);
  return broken.length === 0 ? EXIT.good : EXIT.partly;
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

/** Tells where this project's missing orders went. @returns what it promised and did not keep. */
function conclude(report: WayReport): readonly string[] {
  const { verdict, uncertainSamples } = report;
  const broken = brokenPromises(report);
  console.log(`\n${lossesTable(report)}\n`);
  console.log(`${verdict?.series} series compared, metrics_uncertain_total ${uncertainSamples}`);
  for (const what of broken) console.log(`BROKEN: ${what}`);
  console.log(broken.length === 0 ? "every promise was kept\n" : "");
  return broken;
}
