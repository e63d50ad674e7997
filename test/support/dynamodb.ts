/**
 * A DynamoDB of its own for each test file: in memory, on a free port, gone at the end.
 */

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { startDynamoDB } from "../../local/dynamodb.ts";

export interface TestDynamoDB {
  readonly client: DynamoDBClient;
  readonly endpoint: string;
  readonly table: string;
  close(): Promise<void>;
}

/** Starts a DynamoDB with an empty table; close it in `afterAll`. */
export async function startTestDynamoDB(): Promise<TestDynamoDB> {
  const local = await startDynamoDB();
  const { endpoint, table } = local;
  const client = openTestClient(endpoint);
  return {
    client,
    endpoint,
    table,
    close: async () => {
      client.destroy();
      await local.close();
    },
  };
}

/**
 * A client of a test's own, which destroys it.
 * @param maxAttempts how often the SDK sends one request. Default: the SDK's own, 3.
 */
export function openTestClient(endpoint: string, maxAttempts = 3): DynamoDBClient {
  return new DynamoDBClient({
    endpoint,
    region: "us-east-1",
    maxAttempts,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
}
