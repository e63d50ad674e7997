/**
 * `GET /health`: whether DynamoDB, the Pushgateways and Kafka can be reached. Only DynamoDB is
 * vital: metrics never stand in the way of trades, and reading needs no Kafka.
 */

import { metricsConfig } from "../lib/config/metrics-config.ts";
import { readConfigOrDefaults } from "../lib/config/read-config.ts";
import { checkHealth, type Probe, reachTcp } from "../lib/health.ts";
import { json } from "../lib/http/response.ts";
import { apiFunction, config } from "../lib/service.ts";
import { openTable } from "../lib/trade-queries.ts";

const TIMEOUT_MS = 2_000;

const store = openTable(config);

const probes: Probe[] = [
  { name: "dynamodb", isVital: true, reach: () => store.ping() },
  ...pushgatewayProbes(),
  ...probesOf("kafka", config.kafka.brokers),
];

export const handler = await apiFunction("check-health", async (_request, { log }) => {
  const health = await checkHealth(probes, { timeoutMs: TIMEOUT_MS, log });
  return json(health, { status: health.status === "unavailable" ? 503 : 200 });
});

/** None where nothing is pushed; one that fails where a bad variable keeps from pushing. */
function pushgatewayProbes(): Probe[] {
  const { config: read, fault } = readConfigOrDefaults({ metrics: metricsConfig });
  if (fault !== undefined)
    return [{ name: "pushgateway", isVital: false, reach: () => Promise.reject(fault) }];
  const { isDisabled, pushgateways } = read.metrics;
  return isDisabled ? [] : probesOf("pushgateway", pushgateways.map(addressOf));
}

/** Named by kind and number, since addresses are nobody's business. */
function probesOf(kind: string, addresses: readonly string[]): Probe[] {
  return addresses.map((address, i) => ({
    name: addresses.length === 1 ? kind : `${kind}-${i + 1}`,
    isVital: false,
    reach: (signal) => reachTcp(address, signal),
  }));
}

function addressOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}
