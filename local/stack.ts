/**
 * The whole stack on this machine: database, Pushgateway, functions, and a day of sample trades.
 */

import { openTrades, startDatabase, type Database } from "./database.ts";
import { startAnyPushgateway } from "./find-pushgateway.ts";
import { shortPath, type LocalFolder } from "./folder.ts";
import { startFunctions, untilFunctionsAnswer } from "./functions.ts";
import { useGivenDatabase } from "./given-database.ts";
import { loadSamples } from "./load-samples.ts";
import { LOOPBACK } from "./ports.ts";
import { showRequests } from "./request-lines.ts";
import type { Servers } from "./stack-file.ts";
import { loadConfig, type Config } from "../lib/config.ts";

export interface StackOptions {
  readonly folder: LocalFolder;
  readonly port: number;
  /** The process's environment: `DYNAMODB_ENDPOINT` and `PUSHGATEWAY_URL` replace parts of the stack. */
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
  const config = loadConfig(options.variables);
  const [database, pushgateway] = await until(
    Promise.all([openDatabase(options, config), openPushgateway(options)]),
    options.signal,
  );
  const servers: Servers = {
    url: `http://${LOOPBACK}:${options.port}`,
    dynamodb: database.endpoint,
    ownsDynamodb: database.isOwn,
    pushgateway: pushgateway.url,
    table: database.table,
  };
  const functions = await startFunctions({
    ...options,
    ...servers,
    onLine: showRequests({ print: options.print }),
  });
  options.resources.defer(async () => functions.end());
  const died = AbortSignal.any([...database.died, ...pushgateway.died, functions.died]);
  const signal = AbortSignal.any([died, options.signal]);
  const [sampleDate] = await until(
    Promise.all([
      database.isNew ? loadSampleDay(options, { database, config, signal }) : undefined,
      untilFunctionsAnswer(functions, options.port),
    ]),
    signal,
  );
  return {
    servers,
    database: database.what,
    pushgateway: pushgateway.what,
    ...(sampleDate === undefined ? {} : { sampleDate }),
    died,
  };
}

/** A part of the stack, whether it was started here or given. */
interface Part {
  readonly what: string;
  readonly died: readonly AbortSignal[];
}

interface OpenDatabase extends Part, Database {
  readonly isOwn: boolean;
  /** Its trades are ours to begin with: sample trades belong there. */
  readonly isNew: boolean;
}

async function openDatabase(options: StackOptions, config: Config): Promise<OpenDatabase> {
  const { endpoint, region } = config.dynamodb;
  if (endpoint !== undefined) {
    const given = await useGivenDatabase(endpoint, { region, variables: options.variables });
    return { ...given, isOwn: false, what: "DYNAMODB_ENDPOINT", died: [] };
  }
  const { child, ...database } = await startDatabase(options.folder);
  options.resources.defer(async () => child.end());
  const what = `data in ${shortPath(options.folder.dynamodb)}`;
  return { ...database, isOwn: true, isNew: true, what, died: [child.died] };
}

async function openPushgateway(options: StackOptions): Promise<Part & { readonly url: string }> {
  const given = options.variables["PUSHGATEWAY_URL"];
  if (given) return { url: given, what: "PUSHGATEWAY_URL", died: [] };
  const own = await startAnyPushgateway(options.folder, options.variables["PATH"]);
  options.resources.defer(async () => own.close());
  return { ...own, died: own.child === undefined ? [] : [own.child.died] };
}

async function loadSampleDay(
  options: StackOptions,
  context: {
    readonly database: OpenDatabase;
    readonly config: Config;
    readonly signal: AbortSignal;
  },
): Promise<string> {
  const { database, config, signal } = context;
  const trades = openTrades(database, config);
  try {
    return await loadSamples({
      store: trades.store,
      database: database.isOwn ? "local" : database.endpoint,
      notePath: options.folder.samples,
      now: new Date(),
      signal,
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
