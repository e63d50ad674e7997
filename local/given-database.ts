/**
 * A database that is not ours, given by its endpoint: used as it is, but for a table that is missing.
 */

import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceNotFoundException,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { credentialsFor } from "./database.ts";
import { describeError } from "./describe-error.ts";
import { readTradesTable } from "./table-template.ts";

const CREATE_TIMEOUT_SECONDS = 60;

export interface GivenDatabase {
  readonly endpoint: string;
  readonly table: string;
  /** The table was missing, so what is in it is ours. */
  readonly isNew: boolean;
}

/**
 * Makes sure that the table is there, as serverless.yml defines it.
 * @throws {Error} naming the endpoint, when it does not answer or refuses.
 */
export async function useGivenDatabase(
  endpoint: string,
  options: {
    readonly region: string;
    readonly variables: Readonly<Record<string, string | undefined>>;
  },
): Promise<GivenDatabase> {
  const definition = await readTradesTable("dev");
  const table = { TableName: definition.TableName };
  const client = new DynamoDBClient({
    endpoint,
    region: options.region,
    ...credentialsFor(options.variables),
  });
  try {
    const isNew = await client.send(new DescribeTableCommand(table)).then(
      () => false,
      (error: unknown) => {
        if (error instanceof ResourceNotFoundException) return true;
        throw error;
      },
    );
    if (isNew) {
      await client.send(new CreateTableCommand(definition));
      await waitUntilTableExists(
        { client, maxWaitTime: CREATE_TIMEOUT_SECONDS, minDelay: 1 },
        table,
      );
    }
    return { endpoint, table: definition.TableName ?? "", isNew };
  } catch (error) {
    throw new Error(`DYNAMODB_ENDPOINT ${endpoint}: ${describeError(error)}`, { cause: error });
  } finally {
    client.destroy();
  }
}
