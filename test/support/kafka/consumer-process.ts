/**
 * Run as a process of its own: consume-trades, and the event source mapping that invokes it, so that
 * a test can kill both. CONSUMER_GROUP and BATCH_SIZE say how it reads, the rest is the service's own
 * configuration. It prints `given up` when a batch is lost to it, which none may be.
 */

import { startEventSource } from "../../../local/event-source/event-source.ts";
import { handler } from "../../../functions/consume-trades.ts";
import { config } from "../../../lib/service.ts";
import { lambdaContext } from "../api-event.ts";

const source = startEventSource({
  kafka: { ...config.kafka, clientId: "k2-trades-tests" },
  topic: config.kafka.topics.trades,
  group: process.env["CONSUMER_GROUP"] ?? "k2-trades-tests",
  batchSize: Number(process.env["BATCH_SIZE"] ?? 200),
  batchWindowMs: 50,
  maxRetries: 10_000,
  invoke: (event) => handler(event, lambdaContext(60_000)),
  onGivenUp: () => process.stdout.write("given up\n"),
  onInterrupted: () => {},
});

process.once("SIGTERM", () => void source.close().then(() => process.exit()));
