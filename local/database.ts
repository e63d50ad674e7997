/**
 * The database of this folder, started as a child process, and trades opened in any database.
 */

import { join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { LocalFolder } from "./folder.ts";
import { startChild, type Child } from "./processes.ts";
import type { Config } from "../lib/config/service-config.ts";
import { withoutLogging } from "../lib/dynamodb-client.ts";
import { openTradeStore, type TradeStore } from "../lib/trades/trade-store.ts";

export interface Database {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  readonly table: string;
}

export interface OwnDatabase extends Database {
  readonly port: number;
  readonly child: Child;
}

const RUN_DYNAMODB = join(import.meta.dirname, "run-dynamodb.ts");

/** What any emulator takes for an account. */
export const LOCAL_CREDENTIALS = { accessKeyId: "local", secretAccessKey: "local" } as const;

/**
 * Starts the folder's database and waits until it answers.
 * @param port 0: any that is free.
 * @throws {Error} when it ends before that; the child's last lines say why.
 */
export async function startDatabase(folder: LocalFolder, port = 0): Promise<OwnDatabase> {
  const ready = Promise.withResolvers<Database>();
  const child = startChild({
    name: "the database",
    command: [process.execPath, RUN_DYNAMODB, String(port), folder.dynamodb],
    logPath: join(folder.logs, "dynamodb.log"),
    onLine: (line) => {
      if (line.startsWith("{")) ready.resolve(JSON.parse(line) as Database);
    },
  });
  child.died.addEventListener("abort", () => ready.reject(child.died.reason as Error));
  const { endpoint, table } = await ready.promise;
  return { endpoint, table, port: Number(new URL(endpoint).port), child };
}

export interface OpenTrades {
  readonly store: TradeStore;
  close(): void;
}

/** @param database `isOwn`: it is this folder's, and takes any credentials. */
export function openClient(
  database: Database & { readonly isOwn: boolean },
  config: Config,
): DynamoDBClient {
  const client = new DynamoDBClient({
    endpoint: database.endpoint,
    region: config.dynamodb.region,
    ...(database.isOwn ? { credentials: LOCAL_CREDENTIALS } : credentialsFor(process.env)),
  });
  return withoutLogging(client);
}

export function openTrades(
  database: Database & { readonly isOwn: boolean },
  config: Config,
): OpenTrades {
  const client = openClient(database, config);
  const { ttlDays, shards, recentShards } = config.trades;
  const store = openTradeStore({ client, table: database.table, ttlDays, shards, recentShards });
  return { store, close: () => client.destroy() };
}

/**
 * The caller's own credentials where there are any; emulators take made-up ones, and without any
 * the SDK would spend seconds looking for them.
 */
export function credentialsFor(variables: Readonly<Record<string, string | undefined>>): {
  credentials?: typeof LOCAL_CREDENTIALS;
} {
  const hasOwn = CREDENTIAL_VARIABLES.some((name) => Boolean(variables[name]));
  return hasOwn ? {} : { credentials: LOCAL_CREDENTIALS };
}

const CREDENTIAL_VARIABLES = [
  "AWS_ACCESS_KEY_ID",
  "AWS_PROFILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
];
