/**
 * Everything around the function in a chaos run: Pushgateways and a DynamoDB behind proxies that
 * inject faults, two retirements at once, the page, and a Prometheus that scrapes it.
 */

import { join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createAggregation } from "../../lib/metrics/page/aggregate.ts";
import { openDynamoDbLedger } from "../../lib/metrics/retire/dynamodb-ledger.ts";
import { formatPage } from "../../lib/metrics/page/exposition.ts";
import { LOCAL_CREDENTIALS, startDatabase, type Database } from "../../local/database.ts";
import { localFolder } from "../../local/folder.ts";
import { startChild, type Child } from "../../local/processes.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import type { PushgatewayKind } from "../support/pushgateway.ts";
import type { DeliveredGroup, RestartSignal } from "./delivered.ts";
import { startFaultyPushgateway } from "./faulty-pushgateway.ts";
import { drawFaults, NO_FAULT } from "./plan.ts";
import { startPrometheus, type Prometheus } from "./prometheus.ts";
import { readSums, type Sums } from "./sums.ts";

/**
 * The protocol's times, scaled down from minutes to seconds. The time to send a push again is not
 * scaled as far: it has to outlast the pauses that an environment makes after failures. Nor is the
 * margin for late pushes, since a slow machine may stand still for seconds.
 */
export const WINDOWS = {
  retireAfterSeconds: 36,
  leaseSeconds: 8,
  resendSeconds: 12,
  persistenceSeconds: 1,
  marginSeconds: 14,
} as const;

export interface StackOptions {
  readonly seed: string;
  /** Which program the Pushgateways are. */
  readonly pushgateway: PushgatewayKind;
  /** How many of them. */
  readonly pushgateways: number;
  /** Empty; everything is kept in there. */
  readonly folder: string;
  /** Whether the page is ours, and retirements run; else it is the first Pushgateway's own. */
  readonly isAggregated: boolean;
}

export interface Stack {
  /** The function's own environment variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** What Prometheus scrapes. */
  readonly pageUrl: string;
  /** Requests to the Pushgateways that met a fault so far, by its type. */
  readonly faults: Readonly<Record<string, number>>;
  readonly prometheus: Prometheus;
  /** @param turn from 0, and on: the Pushgateways take turns. */
  refuseConnections(turn: number, forMs: number): Promise<void>;
  restartPushgateway(turn: number, signal: RestartSignal): Promise<void>;
  killRetirer(index: 0 | 1): Promise<void>;
  /** From now on nothing goes wrong any more; resolves when everything that is late has arrived. */
  calm(): Promise<void>;
  /** What every group was given, wherever it is. */
  deliveredGroups(): readonly DeliveredGroup[];
  /** Pushes that were refused for what they held (400), which none should be. */
  rejectedPushes(): readonly string[];
  /** The Pushgateways' own pages, read past all faults. */
  readPushgateways(): Promise<readonly string[]>;
  /** What the ledger holds, read past all faults; nothing where there is none. */
  readLedger(): Promise<Sums>;
  close(): Promise<void>;
}

/** Long, so that on a slow machine pushes in peace are answered. */
const PUSH_TIMEOUT_MS = 2_000;
/** So long that most environments of a run are busy, as the adaptive strategy has it. */
const FLUSH_INTERVAL_MS = 2_000;

export async function startStack(options: StackOptions): Promise<Stack> {
  const { seed, folder, isAggregated, pushgateway: kind } = options;
  const faults: Record<string, number> = {};
  const start = (_: unknown, index: number) =>
    startFaultyPushgateway({
      kind,
      folder: join(folder, `pushgateway-${index}`),
      seed: `${seed}: Pushgateway ${index}`,
      timeoutMs: PUSH_TIMEOUT_MS,
      onFault: (type) => void (faults[type] = (faults[type] ?? 0) + 1),
    });
  const pushgateways = await Promise.all(Array.from({ length: options.pushgateways }, start));
  const inTurn = (turn: number) => pushgateways[turn % pushgateways.length];
  const variables = {
    ...VARIABLES,
    PUSHGATEWAY_URL: pushgateways.map(({ url }) => url).join(","),
  };
  let isCalm = false;
  const aggregation = isAggregated
    ? await startAggregation({ seed, folder, variables, isCalm: () => isCalm })
    : undefined;
  const pageUrl = aggregation?.pageUrl ?? `${pushgateways[0]?.url}/metrics`;
  const prometheus = await startPrometheus({ pageUrl, folder: join(folder, "prometheus") });
  return {
    variables,
    pageUrl,
    faults,
    prometheus,
    refuseConnections: async (turn, forMs) => inTurn(turn)?.refuseConnections(forMs),
    restartPushgateway: async (turn, signal) => inTurn(turn)?.restart(signal),
    killRetirer: async (index) => aggregation?.killRetirer(index),
    async calm() {
      isCalm = true;
      await Promise.all(pushgateways.map((one) => one.calm()));
    },
    deliveredGroups: () => pushgateways.flatMap(({ delivered }) => delivered.groups()),
    rejectedPushes: () => pushgateways.flatMap(({ delivered }) => delivered.rejected),
    readPushgateways: () => Promise.all(pushgateways.map((one) => one.readPage())),
    readLedger: async () => aggregation?.readLedger() ?? new Map(),
    async close() {
      await prometheus.close();
      await aggregation?.close();
      await Promise.all(pushgateways.map((one) => one.close()));
    },
  };
}

const DEPLOYMENT = { service: "chaos", stage: "test" } as const;
const VARIABLES = {
  SERVICE_NAME: DEPLOYMENT.service,
  STAGE: DEPLOYMENT.stage,
  LOG_LEVEL: "warn",
  METRICS_PUSH_TIMEOUT_MS: String(PUSH_TIMEOUT_MS),
  METRICS_FLUSH_INTERVAL_MS: String(FLUSH_INTERVAL_MS),
  METRICS_RETIRE_AFTER_SECONDS: String(WINDOWS.retireAfterSeconds),
  METRICS_LEASE_SECONDS: String(WINDOWS.leaseSeconds),
  METRICS_RESEND_SECONDS: String(WINDOWS.resendSeconds),
  METRICS_PERSISTENCE_SECONDS: String(WINDOWS.persistenceSeconds),
  METRICS_MARGIN_SECONDS: String(WINDOWS.marginSeconds),
} as const;

interface Aggregation {
  readonly pageUrl: string;
  killRetirer(index: 0 | 1): Promise<void>;
  readLedger(): Promise<Sums>;
  close(): Promise<void>;
}

/** Our side of it: the ledger, the function that serves the page, and two that retire at once. */
async function startAggregation(options: {
  readonly seed: string;
  readonly folder: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly isCalm: () => boolean;
}): Promise<Aggregation> {
  const { seed, folder, isCalm } = options;
  const database = await startDatabase(localFolder({ LOCAL_DIR: folder }));
  const draw = drawFaults({
    seed: `${seed}: ledger`,
    timeoutMs: 200,
    latestMs: 300,
    canCutRequests: true,
  });
  const ledger = await startFaultyProxy({
    target: database.endpoint,
    faultOf: () => (isCalm() ? NO_FAULT : draw("GET")),
    keepsRequests: false,
  });
  const environment = {
    ...options.variables,
    METRICS_STRATEGY: "adaptive",
    DYNAMODB_ENDPOINT: ledger.url,
    TABLE_NAME: database.table,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  };
  const start = (file: string, name: string, onLine?: (line: string) => void): Child =>
    startChild({
      name,
      command: [process.execPath, join(import.meta.dirname, file)],
      environment,
      logPath: join(folder, "logs", `${name}.log`),
      ...(onLine === undefined ? {} : { onLine }),
    });
  const port = Promise.withResolvers<string>();
  const page = start("serve-page.ts", "page", (line) => {
    if (/^\d+$/.test(line)) port.resolve(line);
  });
  page.died.addEventListener("abort", () => port.reject(page.died.reason as Error));
  const startRetirer = (index: number) => start("retire-again.ts", `retirer-${index}`);
  const retirers = [startRetirer(0), startRetirer(1)];
  return {
    pageUrl: `http://127.0.0.1:${await port.promise}/metrics`,
    async killRetirer(index) {
      const killed = retirers[index];
      retirers[index] = startRetirer(index);
      await killed?.end(0);
    },
    readLedger: () => readBase(database),
    async close() {
      await Promise.all([page, ...retirers].map((child) => child.end()));
      await ledger.close();
      await database.child.end();
    },
  };
}

/** The base's totals, as they would stand on a page without anything else. */
async function readBase({ endpoint, table }: Database): Promise<Sums> {
  const client = new DynamoDBClient({
    endpoint,
    region: "us-east-1",
    credentials: LOCAL_CREDENTIALS,
  });
  const { totals } = await openDynamoDbLedger({ client, table, ...DEPLOYMENT }).readBase();
  client.destroy();
  const aggregation = createAggregation();
  aggregation.addStored(totals);
  return readSums(formatPage(aggregation.result().families, "text"));
}
