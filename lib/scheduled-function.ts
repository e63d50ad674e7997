/**
 * Functions that a schedule invokes.
 */

import type { Context } from "aws-lambda";
import type { Invocation } from "./invocation.ts";
import { measured, type Zeros } from "./measured.ts";
import { log } from "./process-log.ts";

export type ScheduledHandler = (event: unknown, context: Context) => Promise<void>;

/**
 * Makes the Lambda handler of a function that a schedule invokes.
 * @param name the function's name in `serverless.yml`, and `component` in the metrics.
 */
export function scheduledFunction(
  name: string,
  run: (invocation: Invocation) => Promise<void>,
  zeros: Zeros = {},
): Promise<ScheduledHandler> {
  const functionLog = log.with({ function: name });
  return measured<unknown, void>(
    name,
    (_event, _context, metrics) => run({ metrics, log: functionLog }),
    { log: functionLog, zeros },
  );
}
