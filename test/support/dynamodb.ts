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
  const client = new DynamoDBClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
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
