/**
 * How long the aggregated page takes over 5,000 environments, beside the Pushgateway's own text page of
 * them, for two shapes; and the two forms in which groups can be read, which decides where each is
 * asked for (`lib/metrics/read/read-groups-choice.ts`). Each reader is a process of its own with the memory
 * that Lambda would give a function of 256 MB.
 *
 *   node bench/page.ts [--environments 5000] [--runs 5]
 */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { interleave, load, machine, median, ratio, report, type Finding } from "./figures.ts";
import { newFleet, pushFleet, realPushgateway, SHAPES, type Shape } from "./fleet.ts";
import type { Mode, Reading } from "./page-reader.ts";

const MODES: readonly Mode[] = ["text", "page", "json", "protobuf"];
const TARGETS: Readonly<Record<string, number>> = {
  "6 histograms + 6 counters": 1,
  "1 histogram + 71 counters": 1.2,
};
const MAX_RSS_MB = 256;
/** As Lambda's start script divides a function's memory: a tenth for new objects, in two halves. */
const NODE_FLAGS = ["--max-semi-space-size=12", "--max-old-space-size=231"];

await runCommand("node bench/page.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: { environments: { type: "string" }, runs: { type: "string" } },
  });
  const { environments, runs } = {
    environments: numberOption("environments", values.environments, {
      min: 1,
      max: 1e5,
      fallback: 5_000,
    }),
    runs: numberOption("runs", values.runs, { min: 1, max: 100, fallback: 5 }),
  };
  console.log(`${machine()}, ${realPushgateway().name}, ${load()}`);
  const findings: Finding[] = [];
  for (const shape of SHAPES) findings.push(...(await measureShape(shape, environments, runs)));
  report(findings);
  return 0;
}

async function measureShape(shape: Shape, environments: number, runs: number): Promise<Finding[]> {
  // Pushing so many is quick without the check; reading is the same with it.
  const pushgateway = await realPushgateway().start({ consistencyCheck: false });
  const readers = new Map(MODES.map((mode) => [mode, startReader(mode, pushgateway.url)]));
  try {
    await pushFleet(pushgateway.url, shape, newFleet(environments));
    const ask = (mode: Mode) => () => askReader(readers.get(mode));
    const measures = {
      text: ask("text"),
      page: ask("page"),
      json: ask("json"),
      protobuf: ask("protobuf"),
    };
    await interleave(1, measures); // Warms up, and lets the page choose its form.
    const readings = await interleave(runs, measures);
    return summarize(shape, environments, readings);
  } finally {
    for (const reader of readers.values()) reader.kill();
    await pushgateway.close();
  }
}

function startReader(mode: Mode, url: string): ChildProcess {
  const reader = `${import.meta.dirname}/page-reader.ts`;
  return fork(reader, [mode, url], { execArgv: NODE_FLAGS });
}

async function askReader(reader: ChildProcess | undefined): Promise<Reading> {
  if (reader === undefined) throw new Error("no such reader");
  const ended = once(reader, "exit").then(() => {
    throw new Error("a reader ended");
  });
  reader.send("read");
  const [reading] = (await Promise.race([once(reader, "message"), ended])) as [Reading];
  return reading;
}

function summarize(
  { name }: Shape,
  environments: number,
  readings: Readonly<Record<Mode, readonly Reading[]>>,
): Finding[] {
  const medianOf = (mode: Mode, what: (reading: Reading) => number) =>
    median(readings[mode].map(what));
  console.log(`\n${environments} environments of ${name}, ${load()}`);
  for (const mode of MODES) {
    const [ms, cpuMs, peakRssMb, size] = (["ms", "cpuMs", "peakRssMb", "size"] as const).map(
      (key) => Math.round(medianOf(mode, (reading) => reading[key])),
    );
    console.log(
      `  ${mode.padEnd(9)} ${String(ms).padStart(6)} ms, reader's CPU ${String(cpuMs).padStart(5)} ms, ` +
        `peak ${String(peakRssMb).padStart(4)} MB, ${size} ${mode === "json" || mode === "protobuf" ? "groups" : "bytes"}`,
    );
  }
  const ratios = readings.page.map(({ ms }, run) => ms / (readings.text[run]?.ms ?? Number.NaN));
  const rss = Math.max(...readings.page.map(({ peakRssMb }) => peakRssMb));
  return [
    ratio(
      `aggregated page over ${environments} environments ÷ the Pushgateway's text page, ${name}`,
      median(ratios),
      TARGETS[name] ?? 1,
    ),
    {
      what: `peak memory of making that page, ${name}`,
      found: `${Math.round(rss)} MB`,
      target: `≤ ${MAX_RSS_MB} MB`,
      isMet: rss <= MAX_RSS_MB,
    },
  ];
}
