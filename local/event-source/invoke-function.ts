/**
 * Invokes a function of the local stack as Lambda's own API does.
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */

import { LOOPBACK } from "../ports.ts";

export interface InvokeOptions {
  /** Of the functions' Invoke API. */
  readonly port: number;
  /** Its whole name: `k2-trades-dev-consume-trades`. */
  readonly functionName: string;
  readonly event: unknown;
}

/** Longer than any function of ours may take. */
const TIMEOUT_MS = 180_000;

/**
 * Waits for the function's answer.
 * @throws {Error} with the function's own message when it failed, or there is none of that name.
 */
export async function invokeFunction({
  port,
  functionName,
  event,
}: InvokeOptions): Promise<unknown> {
  const url = `http://${LOOPBACK}:${port}/2015-03-31/functions/${functionName}/invocations`;
  const response = await fetch(url, {
    method: "POST",
    body: JSON.stringify(event),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  const isFailed = !response.ok || response.headers.has("x-amz-function-error");
  if (isFailed) throw new Error(`${functionName}: ${messageOf(text)}`);
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}

function messageOf(text: string): string {
  try {
    const { errorMessage, Message } = JSON.parse(text) as Record<string, string | undefined>;
    return errorMessage ?? Message ?? text;
  } catch {
    return text;
  }
}
