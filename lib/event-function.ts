/**
 * Functions that an event source mapping invokes.
 */

import type { Context } from "aws-lambda";
import type { TimedInvocation } from "./invocation.ts";
import { measured, type MeasuredOptions } from "./measured.ts";
import { log } from "./process-log.ts";

export type EventHandler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

/**
 * Makes the Lambda handler of a function that an event source mapping invokes.
 * @param name the function's name in `serverless.yml`, and `component` in the metrics.
 */
export function eventFunction<Event, Result>(
  name: string,
  handle: (event: Event, invocation: TimedInvocation) => Promise<Result>,
  options: Omit<MeasuredOptions, "log"> = {},
): Promise<EventHandler<Event, Result>> {
  const functionLog = log.with({ function: name });
  return measured<Event, Result>(
    name,
    (event, context, metrics) => {
      const remainingTimeMs = context.getRemainingTimeInMillis();
      const invocationLog = functionLog.with({ request_id: context.awsRequestId });
      return handle(event, { metrics, log: invocationLog, remainingTimeMs });
    },
    { ...options, log: functionLog },
  );
}
