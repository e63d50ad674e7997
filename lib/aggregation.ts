/**
 * What a scrape and a retirement work on: the ledger, and the Pushgateways, those too that only the
 * ledger still knows.
 */

import type { Config } from "./config.ts";
import { openDynamoDb } from "./dynamodb-client.ts";
import { ServiceError } from "./errors.ts";
import { openDynamoDbLedger } from "./metrics/retire/dynamodb-ledger.ts";
import type { Ledger, Windows } from "./metrics/retire/ledger.ts";
import type { Deployment } from "./metrics/read/deployment.ts";
import { openPushgateway, type Pushgateway } from "./metrics/read/pushgateway.ts";
import { windowsFault } from "./windows.ts";

/** The deployment is that of the configuration. */
export interface Aggregation extends Deployment {
  readonly ledger: Ledger;
  /** The Pushgateways of the configuration. */
  readonly urls: readonly string[];
  readonly open: (url: string) => Pushgateway;
  readonly windows: Windows;
}

/**
 * Opens both; once, in the init phase. Nothing is sent before the first call.
 * @throws {ServiceError} `INVALID_CONFIG` when the times could retire a live environment.
 */
export function openAggregation(config: Config): Aggregation {
  const { service, stage, dynamodb, metrics } = config;
  const fault = windowsFault(config);
  if (fault !== undefined) throw new ServiceError("INVALID_CONFIG", fault);
  const clients = new Map<string, Pushgateway>();
  const open = (url: string): Pushgateway => {
    const known = clients.get(url) ?? openPushgateway({ ...metrics, url });
    // The ledger names a Pushgateway by its URL without credentials.
    clients.set(url, known).set(known.url, known);
    return known;
  };
  const client = openDynamoDb(config);
  return {
    service,
    stage,
    ledger: openDynamoDbLedger({ client, table: dynamodb.table, service, stage }),
    urls: metrics.pushgateways.map((url) => open(url).url),
    open,
    windows: metrics.windows,
  };
}
