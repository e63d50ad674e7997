/**
 * Everything around the function in a chaos run: a Pushgateway and a DynamoDB behind proxies that
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
import { createDelivered, type Delivered, type RestartSignal } from "./delivered.ts";
import { drawFaults, NO_FAULT } from "./plan.ts";
import { startPrometheus, type Prometheus } from "./prometheus.ts";
import { startPushgatewayLife } from "./pushgateway-life.ts";
import { readSums, type Sums } from "./sums.ts";

/**
 * The protocol's times, scaled down from minutes to seconds. The time to send a push again is not
 * scaled as far: it has to outlast the pauses that an environment makes after failures.
 */
export const WINDOWS = {
  retireAfterSeconds: 26,
  leaseSeconds: 8,
  resendSeconds: 12,
  persistenceSeconds: 1,
  marginSeconds: 4,
} as const;

export interface StackOptions {
  readonly seed: string;
  readonly pushgateway: PushgatewayKind;
  /** Empty; everything is kept in there. */
  readonly folder: string;
  /** Whether the page is ours, and retirements run; else it is the Pushgateway's own. */
  readonly isAggregated: boolean;
}

export interface Stack {
  /** The function's own environment variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** What Prometheus scrapes. */
  readonly pageUrl: string;
  readonly delivered: Delivered;
  /** Requests to the Pushgateway that met a fault so far, by its type. */
  readonly faults: Readonly<Record<string, number>>;
  readonly prometheus: Prometheus;
  refuseConnections(forMs: number): Promise<void>;
  restartPushgateway(signal: RestartSignal): Promise<void>;
  killRetirer(index: 0 | 1): Promise<void>;
  /** From now on nothing goes wrong any more; resolves when everything that is late has arrived. */
  calm(): Promise<void>;
  /** The Pushgateway's own page, read past all faults. */
  readPushgateway(): Promise<string>;
  /** What the ledger holds, read past all faults; nothing where there is none. */
  readLedger(): Promise<Sums>;
  close(): Promise<void>;
}

const PUSH_TIMEOUT_MS = 1_000;
/** Long for the network, short beside the margin for late pushes. */
const LATEST_MS = 2_000;

export async function startStack(options: StackOptions): Promise<Stack> {
  const { seed, folder, isAggregated } = options;
  const delivered = createDelivered();
  const pushgateway = await startPushgatewayLife({
    kind: options.pushgateway,
    folder,
    onRestarted: delivered.onRestarted,
  });
  let isCalm = false;
  const faults: Record<string, number> = {};
  const canCutRequests = !options.pushgateway.isOld;
  const draw = drawFaults({
    seed,
    timeoutMs: PUSH_TIMEOUT_MS,
    latestMs: LATEST_MS,
    canCutRequests,
  });
  const proxy = await startFaultyProxy({
    target: () => pushgateway.url,
    faultOf: ({ method }) => {
      const fault = isCalm ? NO_FAULT : draw(method);
      if (fault !== NO_FAULT) faults[fault.type] = (faults[fault.type] ?? 0) + 1;
      return fault;
    },
    onArrived: delivered.onArrived,
    onForwarded: delivered.onForwarded,
    keepsRequests: false,
  });
  const variables = { ...VARIABLES, PUSHGATEWAY_URL: proxy.url };
  const aggregation = isAggregated
    ? await startAggregation({ seed, folder, variables, isCalm: () => isCalm })
    : undefined;
  // A Pushgateway moves with each restart; the proxy stays.
  const pageUrl = aggregation?.pageUrl ?? `${proxy.url}/metrics`;
  const prometheus = await startPrometheus({ pageUrl, folder: join(folder, "prometheus") });

  let refusing: Promise<void> = Promise.resolve();
  const refuse = async (forMs: number) => {
    if (isCalm) return;
    await proxy.refuseConnections();
    await new Promise((resolve) => setTimeout(resolve, forMs));
    await proxy.acceptConnections();
  };
  return {
    variables,
    pageUrl,
    delivered,
    faults,
    prometheus,
    refuseConnections: (forMs) => (refusing = refusing.then(() => refuse(forMs))),
    restartPushgateway: (signal) => pushgateway.restart(signal),
    killRetirer: async (index) => aggregation?.killRetirer(index),
    async calm() {
      isCalm = true;
      await refusing;
      await proxy.settled();
    },
    async readPushgateway() {
      const page = await pushgateway.readPage();
      if (page === undefined) throw new Error("the Pushgateway has no page");
      return page;
    },
    readLedger: async () => aggregation?.readLedger() ?? new Map(),
    async close() {
      await prometheus.close();
      await aggregation?.close();
      await proxy.close();
      await pushgateway.close();
    },
  };
}

const DEPLOYMENT = { service: "chaos", stage: "test" } as const;
const VARIABLES = {
  SERVICE_NAME: DEPLOYMENT.service,
  STAGE: DEPLOYMENT.stage,
  LOG_LEVEL: "warn",
  METRICS_PUSH_TIMEOUT_MS: String(PUSH_TIMEOUT_MS),
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
