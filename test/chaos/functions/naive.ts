/**
 * The function of a chaos run, measured as people do who push from Lambda: prom-client's registry in
 * the module, and its own Pushgateway client awaited before the return.
 */

import { Counter, Histogram, Pushgateway, register } from "prom-client";
import {
  doWork,
  FAMILIES,
  KINDS,
  processName,
  SECONDS_BOUNDS,
  type Recorded,
  type Work,
} from "../work.ts";

const { env } = process;
const method = env["CHAOS_METHOD"] === "pushAdd" ? "pushAdd" : "push";
/** One group for the function, or one for each environment, as its log stream names it. */
const groupings: Record<string, string> = { component: "chaos" };
if (env["CHAOS_INSTANCE"] !== undefined) {
  groupings["instance"] = env["AWS_LAMBDA_LOG_STREAM_NAME"]?.split("]")[1] ?? "";
}

const byKind = (name: string, help: string) => {
  const counter = new Counter({ name, help, labelNames: ["kind"] });
  for (const kind of KINDS) counter.inc({ kind }, 0);
  return counter;
};
const byProcess = new Counter({
  name: FAMILIES.process,
  help: "By process.",
  labelNames: ["process"],
});
const orders = byKind(FAMILIES.orders, "Whole numbers.");
const spent = byKind(FAMILIES.spent, "Multiples of 1/1024.");
const weight = byKind(FAMILIES.weight, "Multiples of 0.1.");
const seconds = new Histogram({
  name: FAMILIES.seconds,
  help: "Multiples of 1/256.",
  labelNames: ["kind"],
  buckets: [...SECONDS_BOUNDS],
});
for (const kind of KINDS) seconds.zero({ kind });

const pushgateway = new Pushgateway(
  env["PUSHGATEWAY_URL"] ?? "",
  { timeout: Number(env["METRICS_PUSH_TIMEOUT_MS"]) },
  register,
);

export const handler = async (work: Work): Promise<number> => {
  try {
    return await doWork(work, record);
  } finally {
    // A failed push must not fail the request; the next one carries the sums too.
    await pushgateway[method]({ jobName: "chaos", groupings }).catch(() => undefined);
  }
};

function record(recorded: Recorded): void {
  const { kind } = recorded;
  byProcess.inc({ process: processName }, recorded.orders);
  orders.inc({ kind }, recorded.orders);
  spent.inc({ kind }, recorded.spent);
  weight.inc({ kind }, recorded.weight);
  seconds.observe({ kind }, recorded.seconds);
}
