/**
 * Whether the page's time and the ledger's size grow with the environments that ever lived: in rounds,
 * so many environments are born, closed and retired beside a fleet that lives on.
 *
 *   node bench/history.ts [--rounds 6] [--environments 2000] [--live 200]
 */

import { setTimeout as delay } from "node:timers/promises";
import { QueryCommand } from "@aws-sdk/client-dynamodb";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { createLog } from "../lib/log.ts";
import { openDynamoDbLedger } from "../lib/metrics/retire/dynamodb-ledger.ts";
import { formatPage } from "../lib/metrics/page/exposition.ts";
import { openPushgateway } from "../lib/metrics/read/pushgateway.ts";
import { retire } from "../lib/metrics/retire/retire.ts";
import { scrape } from "../lib/metrics/page/scrape.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../test/support/dynamodb.ts";
import { load, machine, median, ratio, report, round } from "./figures.ts";
import { newFleet, pushFleet, realPushgateway, SERVICE, SHAPES, STAGE } from "./fleet.ts";
import { WINDOWS } from "./retirer.ts";

const PAGES_A_ROUND = 15;
/** Measurements thrown away first, while the code is being compiled. */
const WARMING = 10;
const TIMEOUT_MS = 60_000;
/** What is measured wavers by more than values that have a digit more. */
const MAX_GROWTH = 1.1;
const { retireAfterSeconds, leaseSeconds, resendSeconds, marginSeconds } = WINDOWS;
/** After that no push can come late any more, and nothing of a dead environment is kept. */
const FORGOTTEN_SECONDS = retireAfterSeconds + leaseSeconds + resendSeconds + marginSeconds + 3;

interface Round {
  /** Environments that have lived and died so far. */
  readonly lived: number;
  readonly pageMs: number;
  readonly pageBytes: number;
  readonly ledgerBytes: number;
}

await runCommand("node bench/history.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: {
      rounds: { type: "string" },
      environments: { type: "string" },
      live: { type: "string" },
    },
  });
  const rounds = numberOption("rounds", values.rounds, { min: 2, max: 100, fallback: 6 });
  const limits = { min: 1, max: 1e5 };
  const environments = numberOption("environments", values.environments, {
    ...limits,
    fallback: 2_000,
  });
  const live = numberOption("live", values.live, { ...limits, fallback: 200 });
  console.log(`${machine()}, ${realPushgateway().name}, ${load()}`);
  const measured = await measureRounds({ rounds, environments, live });
  const [first, last] = [measured[0], measured.at(-1)];
  if (first === undefined || last === undefined) throw new Error("expected rounds");
  const after = `after ${round(last.lived)} environments ever lived ÷ after ${round(first.lived)}`;
  report([
    ratio(`time of /metrics ${after}`, last.pageMs / first.pageMs, MAX_GROWTH),
    ratio(`size of the ledger ${after}`, last.ledgerBytes / first.ledgerBytes, MAX_GROWTH),
  ]);
  return 0;
}

async function measureRounds(options: {
  readonly rounds: number;
  readonly environments: number;
  readonly live: number;
}): Promise<Round[]> {
  const [shape] = SHAPES;
  if (shape === undefined) throw new Error("expected a shape");
  const pushgateway = await realPushgateway().start({ consistencyCheck: false });
  const database = await startTestDynamoDB();
  const service = openService(pushgateway.url, database);
  const living = newFleet(options.live);
  const measured: Round[] = [];
  try {
    await pushFleet(pushgateway.url, shape, living);
    for (let page = 0; page < WARMING; page += 1) await service.measurePage();
    for (let number = 1; number <= options.rounds; number += 1) {
      await pushFleet(pushgateway.url, shape, newFleet(options.environments), true);
      await service.retire();
      await delay(FORGOTTEN_SECONDS * 1_000);
      await pushFleet(pushgateway.url, shape, living);
      await service.retire();
      const page = await service.measurePage();
      const ledgerBytes = await sizeOfLedger(database);
      const lived = number * options.environments;
      measured.push({ lived, ...page, ledgerBytes });
      console.log(
        `  ${round(lived).padStart(8)} environments lived: page ${page.pageMs.toFixed(0)} ms, ` +
          `${round(page.pageBytes)} bytes; ledger ${round(ledgerBytes)} bytes; ${load()}`,
      );
    }
    return measured;
  } finally {
    service.close();
    await pushgateway.close();
    await database.close();
  }
}

function openService(url: string, { client, table }: TestDynamoDB) {
  const pushgateway = openPushgateway({ url, timeoutMs: TIMEOUT_MS });
  const options = {
    service: SERVICE,
    stage: STAGE,
    ledger: openDynamoDbLedger({ client, table, service: SERVICE, stage: STAGE }),
    urls: [pushgateway.url],
    open: () => pushgateway,
    windows: WINDOWS,
    timeoutMs: TIMEOUT_MS,
  };
  const log = createLog();
  return {
    retire: () => retire({ ...options, log, nowMs: Date.now }),
    async measurePage(): Promise<{ pageMs: number; pageBytes: number }> {
      const times: number[] = [];
      let pageBytes = 0;
      // The first one raises the floor, which the others find as it is.
      for (let page = 0; page <= PAGES_A_ROUND; page += 1) {
        const startedMs = performance.now();
        pageBytes = formatPage(await scrape(options), "text").length;
        if (page > 0) times.push(performance.now() - startedMs);
      }
      return { pageMs: median(times), pageBytes };
    },
    close: () => pushgateway.close(),
  };
}

/** Of base and floor with their chunks, as DynamoDB bills it, but for the names of attributes. */
async function sizeOfLedger({ client, table }: TestDynamoDB): Promise<number> {
  const { Items: items = [] } = await client.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: `LEDGER#${SERVICE}#${STAGE}` } },
    }),
  );
  return items
    .flatMap((item) => Object.values(item))
    .reduce((sum, { B, S, N }) => sum + (B?.length ?? S?.length ?? N?.length ?? 0), 0);
}
