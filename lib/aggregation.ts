/**
 * What a scrape and a retirement work on: the ledger, and the Pushgateways, those too that only the
 * ledger still knows.
 */

import { dynamodbConfig } from "./config/dynamodb-config.ts";
import { functionConfig } from "./config/function-config.ts";
import { metricsConfig } from "./config/metrics-config.ts";
import type { ConfigOf } from "./config/read-config.ts";
import { openDynamoDb } from "./dynamodb-client.ts";
import { openDynamoDbLedger } from "./metrics/retire/dynamodb-ledger.ts";
import type { Ledger, Windows } from "./metrics/retire/ledger.ts";
import type { Deployment } from "./metrics/read/deployment.ts";
import { openPushgateway, type Pushgateway } from "./metrics/read/pushgateway.ts";

/** The deployment is that of the configuration. */
export interface Aggregation extends Deployment {
  readonly ledger: Ledger;
  /** The Pushgateways of the configuration. */
  readonly urls: readonly string[];
  readonly open: (url: string) => Pushgateway;
  readonly windows: Windows;
}

/** What has to be configured for it. A bad variable is refused: rather no page than a wrong one. */
export const AGGREGATION_PARTS = {
  own: functionConfig,
  dynamodb: dynamodbConfig,
  metrics: metricsConfig,
};

/** Opens both; once, in the init phase. Nothing is sent before the first call. */
export function openAggregation(config: ConfigOf<typeof AGGREGATION_PARTS>): Aggregation {
  const { dynamodb, metrics } = config;
  const { service, stage } = config.own;
  const clients = new Map<string, Pushgateway>();
  const open = (url: string): Pushgateway => {
    const known = clients.get(url) ?? openPushgateway({ ...metrics, url });
    // The ledger names a Pushgateway by its URL without credentials.
    clients.set(url, known).set(known.url, known);
    return known;
  };
  const client = openDynamoDb(dynamodb);
  return {
    service,
    stage,
    ledger: openDynamoDbLedger({ client, table: dynamodb.table, service, stage }),
    urls: metrics.pushgateways.map((url) => open(url).url),
    open,
    windows: metrics.windows,
  };
}
