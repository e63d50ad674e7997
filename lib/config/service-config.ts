/**
 * The configuration of this service's functions. Their metrics' own is read apart, since no fault of
 * metrics may keep a function from answering (`lib/measured.ts`).
 */

import { apiConfig } from "./api-config.ts";
import { dynamodbConfig } from "./dynamodb-config.ts";
import { functionConfig } from "./function-config.ts";
import { kafkaConfig } from "./kafka-config.ts";
import { logConfig } from "./log-config.ts";
import type { Variables } from "./process-variables.ts";
import { readConfig } from "./read-config.ts";
import { tradesConfig } from "./trades-config.ts";

export const SERVICE_PARTS = {
  own: functionConfig,
  log: logConfig,
  api: apiConfig,
  dynamodb: dynamodbConfig,
  trades: tradesConfig,
  kafka: kafkaConfig,
};

export type Config = ReturnType<typeof loadConfig>;

/**
 * Reads it; once, when a module is loaded.
 * @param variables the environment; default: the process's own.
 * @throws {ServiceError} `INVALID_CONFIG`, naming each bad variable and what was expected.
 */
export function loadConfig(variables?: Variables) {
  const { own, api, dynamodb, trades, kafka } = readConfig(SERVICE_PARTS, variables);
  return { ...own, ...api, dynamodb, trades, kafka };
}
