/**
 * The whole stack on this machine: database, Pushgateway, functions, and a day of sample trades.
 */

import { existsSync } from "node:fs";
import { openClient, openTrades, startDatabase } from "./database.ts";
import { startAnyPushgateway } from "./find-pushgateway.ts";
import { shortPath, type LocalFolder } from "./folder.ts";
import { followPushgateway } from "./follow-pushgateway.ts";
import { startFunctions, untilFunctionsAnswer } from "./functions.ts";
import { startTradesSource } from "./event-source/trades-source.ts";
import { useGivenDatabase } from "./given-database.ts";
import { openGateway, type GatewayOptions } from "./gateway.ts";
import { brokersOf, type LocalKafka, openLocalKafka } from "./local-kafka.ts";
import { loadSamples } from "./load-samples.ts";
import { freePort, LOOPBACK } from "./ports.ts";
import { openPages } from "./pages/pages.ts";
import { startPrometheus } from "./prometheus.ts";
import { showRequests } from "./request-lines.ts";
import type { Servers } from "./stack-file.ts";
import { readTradesTable } from "./table-template.ts";
import { EVERY_PART } from "../lib/config/every-part.ts";
import { readConfig } from "../lib/config/read-config.ts";
import { loadConfig, type Config } from "../lib/config/service-config.ts";
import { openDynamoDbLedger } from "../lib/metrics/retire/dynamodb-ledger.ts";

export interface StackOptions {
  readonly folder: LocalFolder;
  readonly port: number;
  /**
   * The process's environment: `DYNAMODB_ENDPOINT`, `PUSHGATEWAY_URL` and `KAFKA_BROKERS` replace
   * parts of the stack.
   */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
  /** Stops a start. */
  readonly signal: AbortSignal;
  /** Gets all that was started; ends it, last started first, when it is disposed of. */
  readonly resources: AsyncDisposableStack;
}

export interface Stack {
  readonly servers: Servers;
  /** For people: what each is and where its data is. */
  readonly database: string;
  readonly pushgateway: string;
  readonly kafka: string;
  readonly prometheus: string;
  /** Day of the sample trades, `YYYY-MM-DD`, when there are some. */
  readonly sampleDate?: string;
  /** Aborted when a part ends by itself; its reason says which, and how. */
  readonly died: AbortSignal;
}

/**
 * Starts everything and resolves when all of it answers.
 * @throws the signal's reason when that aborts first; an error for people when a part can't start.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  // What functions would run with all the same is refused here, where someone is looking.
  const { scrapeToken } = readConfig(EVERY_PART, options.variables).page;
  const config = loadConfig(options.variables);
  const place = await choosePlaces(options, config);
  const { servers } = place;
  const showPages = await openDoor(options, place);
  // Ended after the functions, which write to it until their end.
  const backing = options.resources.use(new AsyncDisposableStack());
  const functions = await startFunctions({
    ...options,
    ...servers,
    port: place.functionsPort,
    lambdaPort: place.lambdaPort,
    onLine: showRequests({ print: options.print }),
  });
  options.resources.defer(async () => functions.end());
  const opening = Promise.all([
    openDatabase({ ...options, backing, config, port: place.dynamodbPort }),
    openPushgateway({ ...options, backing, port: place.pushgatewayPort }),
    openKafka({ ...options, backing, config, port: place.kafkaPort }),
  ]);
  const isWanted = opening.then(([{ isNew }]) => isNew);
  const samples = loadSampleDay({ ...options, servers, config, isWanted });
  // It fails with the database, whose error is the one that is told.
  samples.catch(() => {});
  const stopped = AbortSignal.any([options.signal, functions.died]);
  const [database, pushgateway, kafka] = await until(opening, stopped);
  const parts = AbortSignal.any([...database.died, ...pushgateway.died, functions.died]);
  const [sampleDate, prometheus] = await until(
    Promise.all([
      samples,
      openPrometheus({ ...options, backing, scrapeToken, servers }),
      tellLedger({ ...options, servers, config, ownPushgateway: pushgateway.ownUrl }),
      untilFunctionsAnswer(functions, place.functionsPort),
    ]),
    AbortSignal.any([options.signal, parts]),
  );
  showPages(openLocalPages({ scrapeToken, place, prometheus }));
  consumeTrades({ ...options, config, kafka, lambdaPort: place.lambdaPort });
  const died = AbortSignal.any([parts, ...prometheus.died]);
  return {
    servers: {
      ...servers,
      ...(prometheus.url === undefined ? {} : { prometheus: prometheus.url }),
    },
    database: database.what,
    pushgateway: pushgateway.what,
    kafka: kafka.what,
    prometheus: prometheus.what,
    ...(sampleDate === undefined ? {} : { sampleDate }),
    died,
  };
}

interface Places {
  readonly servers: Servers;
  readonly functionsPort: number;
  readonly dynamodbPort: number;
  readonly pushgatewayPort: number;
  readonly kafkaPort: number;
  readonly lambdaPort: number;
}

/** Chosen before anything starts, so that the parts can start side by side. */
async function choosePlaces(options: StackOptions, config: Config): Promise<Places> {
  const ports = await Promise.all(Array.from({ length: 5 }, async () => freePort()));
  const [functionsPort = 0, lambdaPort = 0, dynamodbPort = 0, pushgatewayPort = 0, kafkaPort = 0] =
    ports;
  const { TableName: table = "" } = await readTradesTable("dev");
  const { endpoint } = config.dynamodb;
  const servers: Servers = {
    url: `http://${LOOPBACK}:${options.port}`,
    dynamodb: endpoint ?? `http://${LOOPBACK}:${dynamodbPort}`,
    ownsDynamodb: endpoint === undefined,
    pushgateway: options.variables["PUSHGATEWAY_URL"] || `http://${LOOPBACK}:${pushgatewayPort}`,
    kafka: brokersOf({ kafka: config.kafka, port: kafkaPort }).join(","),
    table,
  };
  return { servers, functionsPort, lambdaPort, dynamodbPort, pushgatewayPort, kafkaPort };
}

/** A part of the stack, whether it was started here or given. */
interface Part {
  readonly what: string;
  readonly died: readonly AbortSignal[];
}

interface PartOptions extends StackOptions {
  /** Gets what was started. */
  readonly backing: AsyncDisposableStack;
  readonly port: number;
}

/** `isNew`: its trades are ours to begin with, so sample trades belong there. */
async function openDatabase(
  options: PartOptions & { readonly config: Config },
): Promise<Part & { readonly isNew: boolean }> {
  const { folder, port, backing, variables } = options;
  const { endpoint, region } = options.config.dynamodb;
  if (endpoint !== undefined) {
    const given = await useGivenDatabase(endpoint, { region, variables });
    return { isNew: given.isNew, what: "DYNAMODB_ENDPOINT", died: [] };
  }
  const { child } = await startDatabase(folder, port);
  backing.defer(async () => child.end());
  return { isNew: true, what: `data in ${shortPath(folder.dynamodb)}`, died: [child.died] };
}

/** The folder's own runs beside one that was given once it has groups, which are still to be read. */
async function openPushgateway(options: PartOptions): Promise<Part & { readonly ownUrl?: string }> {
  const { folder, port, backing, variables } = options;
  const isGiven = Boolean(variables["PUSHGATEWAY_URL"]);
  if (isGiven && !existsSync(folder.pushgatewayUrls)) return { what: "PUSHGATEWAY_URL", died: [] };
  const own = await startAnyPushgateway({ folder, port, path: variables["PATH"] });
  backing.defer(async () => own.close());
  return {
    what: isGiven ? "PUSHGATEWAY_URL" : own.what,
    died: own.child === undefined ? [] : [own.child.died],
    ownUrl: own.url,
  };
}

async function tellLedger(
  options: StackOptions & {
    readonly servers: Servers;
    readonly config: Config;
    readonly ownPushgateway: string | undefined;
  },
): Promise<void> {
  const { servers, config, ownPushgateway: url } = options;
  if (url === undefined) return;
  const { dynamodb: endpoint, ownsDynamodb: isOwn, table } = servers;
  const client = openClient({ endpoint, table, isOwn }, config);
  try {
    await followPushgateway({
      ledger: openDynamoDbLedger({ client, table, service: config.service, stage: config.stage }),
      database: isOwn ? "local" : endpoint,
      url,
      notePath: options.folder.pushgatewayUrls,
    });
  } finally {
    client.destroy();
  }
}

async function openKafka(options: PartOptions & { readonly config: Config }): Promise<LocalKafka> {
  const { folder, port, backing } = options;
  const { kafka } = options.config;
  const opened = await openLocalKafka({ kafka, folder: folder.kafka, port });
  backing.defer(async () => opened.close());
  return opened;
}

/** Ended before the functions are, so that what is under way is finished. */
function consumeTrades(
  options: StackOptions & {
    readonly config: Config;
    readonly kafka: LocalKafka;
    readonly lambdaPort: number;
  },
): void {
  const { folder, print, lambdaPort, resources } = options;
  const source = startTradesSource({
    kafka: options.kafka.options,
    topic: options.config.kafka.topics.trades,
    group: options.config.kafka.group,
    lambdaPort,
    undelivered: folder.undelivered,
    print,
  });
  resources.defer(async () => source.close());
}

async function openPrometheus(
  options: StackOptions & {
    readonly backing: AsyncDisposableStack;
    readonly scrapeToken: string | undefined;
    readonly servers: Servers;
  },
): Promise<Part & { readonly url?: string }> {
  const { scrapeToken } = options;
  const { url, pushgateway } = options.servers;
  const own = await startPrometheus({
    folder: options.folder,
    port: await freePort(),
    api: url,
    // One that was given may want credentials, and several are not ours to watch.
    ...(options.variables["PUSHGATEWAY_URL"] ? {} : { pushgateway }),
    ...(scrapeToken === undefined ? {} : { scrapeToken }),
    path: options.variables["PATH"],
  });
  if (own === undefined) return { what: "not installed", died: [] };
  options.backing.defer(async () => own.close());
  return { what: own.what, url: own.url, died: [own.child.died] };
}

/**
 * The one port that people know: API Gateway's part, and the pages of this machine. It is opened
 * first, so that nobody else takes the port meanwhile; until the functions answer it says so.
 * @returns what to call when the pages can be shown.
 */
async function openDoor(
  { port, resources }: StackOptions,
  place: Places,
): Promise<(pages: GatewayOptions["page"]) => void> {
  let page: GatewayOptions["page"] = async () => undefined;
  const functions = functionsUrl(place);
  const gateway = await openGateway({ port, functions, page: async (path) => page(path) });
  resources.defer(async () => gateway.close());
  return (pages) => {
    page = pages;
  };
}

function openLocalPages(options: {
  readonly scrapeToken: string | undefined;
  readonly place: Places;
  readonly prometheus: { readonly url?: string };
}): GatewayOptions["page"] {
  const { scrapeToken } = options;
  return openPages({
    functions: functionsUrl(options.place),
    ...(scrapeToken === undefined ? {} : { scrapeToken }),
    ...(options.prometheus.url === undefined ? {} : { prometheus: options.prometheus.url }),
  });
}

function functionsUrl({ functionsPort }: Places): string {
  return `http://${LOOPBACK}:${functionsPort}`;
}

async function loadSampleDay(
  options: StackOptions & {
    readonly servers: Servers;
    readonly config: Config;
    readonly isWanted: Promise<boolean>;
  },
): Promise<string | undefined> {
  const { dynamodb: endpoint, ownsDynamodb: isOwn, table } = options.servers;
  const trades = openTrades({ endpoint, table, isOwn }, options.config);
  try {
    return await loadSamples({
      store: trades.store,
      isWanted: options.isWanted,
      database: isOwn ? "local" : endpoint,
      notePath: options.folder.samples,
      now: new Date(),
      signal: options.signal,
    });
  } finally {
    trades.close();
  }
}

/** The work's result, or the signal's reason as an error, whichever is first. */
async function until<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason as Error);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
