/**
 * Databases for one measurement each: run as the stack runs its own, a process over HTTP, on disk.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  LOCAL_CREDENTIALS,
  startDatabase,
  type Database,
  type OwnDatabase,
} from "../local/database.ts";
import { withoutLogging } from "../lib/dynamodb-client.ts";
import { localFolder } from "../local/folder.ts";

/** Does the work on a new database, in a folder inside `scratch`, which is gone after it. */
export async function withDatabase<Result>(
  scratch: string,
  work: (database: OwnDatabase) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(scratch, "database-"));
  const database = await startDatabase(localFolder({ LOCAL_DIR: folder }));
  try {
    return await work(database);
  } finally {
    await database.child.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A client of the caller's own, as the service's is; the caller destroys it. */
export function openClient({ endpoint }: Database): DynamoDBClient {
  const region = "us-east-1";
  return withoutLogging(new DynamoDBClient({ endpoint, region, credentials: LOCAL_CREDENTIALS }));
}
