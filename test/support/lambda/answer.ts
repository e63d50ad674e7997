/** What a caller of a function gets: a response or one of Lambda's errors, word for word. */

/** Lambda's limit for an event and for a buffered response: 6 MiB and 100 bytes. */
export const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024 + 100;

export interface Answer {
  /** JSON text: what the handler returned, or `{ errorType, errorMessage, … }`. */
  readonly payload: string;
  /** Set when the invocation failed, as the header `X-Amz-Function-Error` is. */
  readonly functionError?: "Unhandled";
}

/** How a runtime process ended: an exit code or the signal that killed it. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A failure whose payload Lambda writes itself. */
export function errorAnswer(errorType: string, errorMessage: string): Answer {
  return { payload: JSON.stringify({ errorType, errorMessage }), functionError: "Unhandled" };
}

/** The process ended before it answered. */
export function exitAnswer(requestId: string, exit: ProcessExit): Answer {
  return errorAnswer("Runtime.ExitError", `RequestId: ${requestId} Error: ${describeExit(exit)}`);
}

/** The function's timeout passed before it answered. */
export function timeoutAnswer(requestId: string, timeoutMs: number): Answer {
  const seconds = (timeoutMs / 1_000).toFixed(2);
  return errorAnswer(
    "Sandbox.Timedout",
    `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`,
  );
}

/** The response was too large to be sent on. */
export function oversizeAnswer(byteLength: number): Answer {
  return errorAnswer(
    "Function.ResponseSizeTooLarge",
    `Response payload size (${byteLength} bytes) exceeded maximum allowed payload size (${MAX_PAYLOAD_BYTES} bytes).`,
  );
}

/** `Runtime exited with error: exit status 1`, in Lambda's words. */
export function describeExit({ code, signal }: ProcessExit): string {
  if (code === 0) return "Runtime exited without providing a reason";
  return `Runtime exited with error: ${signal === null ? `exit status ${code}` : `signal: ${signal}`}`;
}
