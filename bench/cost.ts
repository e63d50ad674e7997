/**
 * What these metrics cost a month at a stated load, for both strategies: from AWS's prices and from
 * what the other benches measure.
 *
 *   node bench/cost.ts [--invocations 100] [--environments 20] [--memory-mb 512] [--flush-ms 24]
 *     [--interval-ms 1000] [--scrape-seconds 15] [--page-ms 100] [--retire-ms 100] [--samples 1000]
 */

import { numberOption, parseOptions, runCommand } from "../local/options.ts";

/**
 * In dollars, on demand, us-east-1, arm64, without free tiers, as of November 2026.
 * @see https://aws.amazon.com/lambda/pricing/
 * @see https://aws.amazon.com/dynamodb/pricing/on-demand/
 * @see https://aws.amazon.com/api-gateway/pricing/
 * @see https://aws.amazon.com/fargate/pricing/
 */
const PRICES = {
  lambdaGigabyteSecond: 0.0000133334,
  lambdaRequest: 0.2e-6,
  dynamodbWriteUnit: 0.625e-6,
  dynamodbReadUnit: 0.125e-6,
  apiRequest: 3.5e-6,
  fargateCpuHour: 0.03238,
  fargateGigabyteHour: 0.00356,
} as const;

const HOURS = 730;
const SECONDS = HOURS * 3_600;
/** As `serverless.yml` has them. */
const SCRAPE_MEMORY_MB = 1_024;
const RETIRE_MEMORY_MB = 512;
const RETIREMENTS = HOURS * 60;
/** As `ops/aws/pushgateway.yml` has them. */
const PUSHGATEWAY = { cpus: 0.5, gigabytes: 1 };
/** Of base and floor each, compressed: `history.ts` finds 2,100 bytes of both for 90 samples. */
const LEDGER_BYTES_A_SAMPLE = 12;
/** A scrape reads the base twice and the floor once, and writes the floor if anything was counted. */
const READS_A_SCRAPE = 3;

/** What is to be paid for. */
interface Load {
  /** Of measured functions, a second. */
  readonly invocations: number;
  /** Busy ones at any time. */
  readonly environments: number;
  readonly memoryMb: number;
  /** Billed after the response: `latency.ts`, a handler that does nothing with a Pushgateway 20 ms away. */
  readonly flushMs: number;
  /** `METRICS_FLUSH_INTERVAL_MS`, of the adaptive strategy. */
  readonly intervalMs: number;
  readonly scrapeSeconds: number;
  /** Billed for one page: `page.ts` and `history.ts`. */
  readonly pageMs: number;
  /** Billed for one retirement: `retire.ts`. */
  readonly retireMs: number;
  /** On the page. */
  readonly samples: number;
}

await runCommand("node bench/cost.ts", main);

function main(argv: readonly string[]): Promise<number> {
  const text = { type: "string" } as const;
  const { values } = parseOptions({
    args: [...argv],
    options: {
      invocations: text,
      environments: text,
      "memory-mb": text,
      "flush-ms": text,
      "interval-ms": text,
      "scrape-seconds": text,
      "page-ms": text,
      "retire-ms": text,
      samples: text,
    },
  });
  const number = (name: keyof typeof values, fallback: number, max = 1e9) =>
    numberOption(name, values[name], { min: 0.001, max, fallback });
  const load: Load = {
    invocations: number("invocations", 100),
    environments: number("environments", 20),
    memoryMb: number("memory-mb", 512, 10_240),
    flushMs: number("flush-ms", 24, 900_000),
    intervalMs: number("interval-ms", 1_000),
    scrapeSeconds: number("scrape-seconds", 15),
    pageMs: number("page-ms", 100, 900_000),
    retireMs: number("retire-ms", 100, 900_000),
    samples: number("samples", 1_000),
  };
  console.log(
    `${load.invocations} invocations a second in ${load.environments} environments of ${load.memoryMb} MB, ` +
      `a scrape every ${load.scrapeSeconds} s, ${load.samples} samples on the page`,
  );
  const shared = sharedCosts(load);
  const rows: [string, (pushes: number) => number][] = [
    ["billed after the response", (pushes) => lambda(pushes, load.flushMs, load.memoryMb)],
    ...shared.map(([what, dollars]): [string, () => number] => [what, () => dollars]),
  ];
  const every = load.invocations * SECONDS;
  const adaptive = Math.min(every, (load.environments * SECONDS * 1_000) / load.intervalMs);
  const total = (pushes: number) => rows.reduce((sum, [, cost]) => sum + cost(pushes), 0);
  console.log("\n| a month | `every` | `adaptive` |\n|---|---|---|");
  for (const [what, cost] of [...rows, ["together", total] as const]) {
    console.log(`| ${what} | ${formatDollars(cost(every))} | ${formatDollars(cost(adaptive))} |`);
  }
  return Promise.resolve(0);
}

/** What does not depend on how often environments push. */
function sharedCosts(load: Load): readonly (readonly [string, number])[] {
  const scrapes = SECONDS / load.scrapeSeconds;
  const documentBytes = load.samples * LEDGER_BYTES_A_SAMPLE;
  const write = Math.ceil(documentBytes / 1_024) * PRICES.dynamodbWriteUnit;
  const read = Math.ceil(documentBytes / 4_096) * PRICES.dynamodbReadUnit;
  const invoked = (count: number, ms: number, memoryMb: number) =>
    count * PRICES.lambdaRequest + lambda(count, ms, memoryMb);
  const { cpus, gigabytes } = PUSHGATEWAY;
  const hourly = cpus * PRICES.fargateCpuHour + gigabytes * PRICES.fargateGigabyteHour;
  return [
    ["GET /metrics, its function", invoked(scrapes, load.pageMs, SCRAPE_MEMORY_MB)],
    ["GET /metrics, API Gateway", scrapes * PRICES.apiRequest],
    ["the floor: writes", scrapes * write],
    ["base and floor: reads", (scrapes * READS_A_SCRAPE + RETIREMENTS) * read],
    ["the base: writes, if something is folded every minute", RETIREMENTS * write],
    ["retirement, its function", invoked(RETIREMENTS, load.retireMs, RETIRE_MEMORY_MB)],
    ["a Pushgateway on Fargate", HOURS * hourly],
  ];
}

/** Lambda bills by the millisecond. */
function lambda(count: number, ms: number, memoryMb: number): number {
  return count * (Math.ceil(ms) / 1_000) * (memoryMb / 1_024) * PRICES.lambdaGigabyteSecond;
}

function formatDollars(dollars: number): string {
  return `$${dollars.toFixed(2)}`;
}
