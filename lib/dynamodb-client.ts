/**
 * The DynamoDB client as every function uses it: bounded in time and tries.
 */

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { DynamoDbConfig } from "./config/dynamodb-config.ts";

/** One call may take this long before it is tried again. */
const REQUEST_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 1_000;
const MAX_ATTEMPTS = 3;

/** Opens a client; once, in the init phase. Nothing is sent before the first call. */
export function openDynamoDb({
  region,
  endpoint,
}: Pick<DynamoDbConfig, "region" | "endpoint">): DynamoDBClient {
  const client = new DynamoDBClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
  return withoutLogging(client);
}

/**
 * Has a client make no log lines, which nobody reads: for each it copies every attribute of what was
 * sent and answered, which is a tenth of what a bulk write costs.
 */
export function withoutLogging(client: DynamoDBClient): DynamoDBClient {
  client.middlewareStack.remove("loggerMiddleware");
  return client;
}
