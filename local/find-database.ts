/**
 * The database a command works on: the one given, else the running stack's, else this folder's own,
 * opened for as long as the command runs.
 */

import { openTrades, startDatabase } from "./database.ts";
import { shortPath, type LocalFolder } from "./folder.ts";
import { lockStack, readStackFile } from "./stack-file.ts";
import type { Config } from "../lib/config/service-config.ts";
import type { TradeStore } from "../lib/trades/trade-store.ts";

export interface FoundDatabase {
  readonly store: TradeStore;
  /** For people: `the running stack (npm start, process 4711)`. */
  readonly where: string;
  /** The same for the same data, whatever port it has today. */
  readonly identity: string;
  /** Ends what was started for it. */
  close(): Promise<void>;
}

/** @throws {Error} with a sentence for people when another command has the folder open. */
export async function findDatabase(folder: LocalFolder, config: Config): Promise<FoundDatabase> {
  const { endpoint, table } = config.dynamodb;
  if (endpoint !== undefined)
    return found({ endpoint, table, isOwn: false }, config, `table ${table} at ${endpoint}`);
  const stack = await readStackFile(folder.stackFile);
  if (stack?.servers === undefined) return openFolder(folder, config);
  const { dynamodb, table: stackTable, ownsDynamodb } = stack.servers;
  return found(
    { endpoint: dynamodb, table: stackTable, isOwn: ownsDynamodb },
    config,
    `the running stack (${stack.command}, process ${stack.pid})`,
  );
}

async function openFolder(folder: LocalFolder, config: Config): Promise<FoundDatabase> {
  const lock = await lockStack(folder.stackFile, "npm run load");
  if (!("release" in lock))
    throw new Error(
      `${lock.command} (process ${lock.pid}) has ${shortPath(folder.root)} open; ` +
        `try again when it is up or has ended`,
    );
  try {
    const database = await startDatabase(folder);
    lock.publish({ port: database.port });
    const trades = found({ ...database, isOwn: true }, config, shortPath(folder.dynamodb));
    return {
      ...trades,
      close: async () => {
        await trades.close();
        await database.child.end();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function found(
  database: { readonly endpoint: string; readonly table: string; readonly isOwn: boolean },
  config: Config,
  where: string,
): FoundDatabase {
  const trades = openTrades(database, config);
  return {
    store: trades.store,
    where,
    identity: `${database.isOwn ? "local" : database.endpoint} ${database.table}`,
    close: async () => trades.close(),
  };
}
