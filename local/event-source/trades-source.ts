/**
 * The event source of the local stack: the trades topic, handed to consume-trades.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KafkaOptions } from "../../lib/trades/kafka-connection.ts";
import { describeError } from "../describe-error.ts";
import { shortPath } from "../folder.ts";
import { type EventSource, startEventSource } from "./event-source.ts";
import { invokeFunction } from "./invoke-function.ts";

export interface TradesSourceOptions {
  readonly kafka: KafkaOptions;
  readonly topic: string;
  /** The consumer group. */
  readonly group: string;
  /** Of the functions' Invoke API. */
  readonly lambdaPort: number;
  /** Gets a file for each batch that was given up, as a deployment's bucket does. */
  readonly undelivered: string;
  readonly print: (line: string) => void;
}

const FUNCTION_NAME = "k2-trades-dev-consume-trades";
const BATCH_SIZE = 500;
/** Short, so that what was posted can be read at once. */
const BATCH_WINDOW_MS = 50;
const MAX_RETRIES = 8;

export function startTradesSource(options: TradesSourceOptions): EventSource {
  const { kafka, topic, group, lambdaPort, undelivered, print } = options;
  let interruption = "";
  return startEventSource({
    kafka,
    topic,
    group,
    batchSize: BATCH_SIZE,
    batchWindowMs: BATCH_WINDOW_MS,
    maxRetries: MAX_RETRIES,
    invoke: async (event) => {
      interruption = "";
      return invokeFunction({ port: lambdaPort, functionName: FUNCTION_NAME, event });
    },
    onGivenUp: (event, cause) => {
      mkdirSync(undelivered, { recursive: true });
      const path = join(undelivered, `${new Date().toISOString().replaceAll(":", "")}.json`);
      writeFileSync(path, JSON.stringify(event));
      print(`Kafka: a batch was given up and is in ${shortPath(path)}: ${describeError(cause)}`);
    },
    onInterrupted: (cause) => {
      const text = describeError(cause);
      // It tries again by itself, and would say the same each time.
      if (text !== interruption) print(`Kafka: ${text}; trying again`);
      interruption = text;
    },
  });
}
