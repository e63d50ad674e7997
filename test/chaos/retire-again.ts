/**
 * The function that retires environments, run every second: `node retire-again.ts`, configured by
 * its environment as on Lambda. Every run begins on the full second, so that two processes collide.
 */

import { setTimeout as delay } from "node:timers/promises";
import { handler } from "../../functions/retire-environments.ts";
import { lambdaContext } from "../support/api-event.ts";

const PERIOD_MS = 1_000;

for (;;) {
  await delay(PERIOD_MS - (Date.now() % PERIOD_MS));
  // What could not be read or written is logged, and the next run's business.
  await handler({}, lambdaContext()).catch(() => undefined);
}
