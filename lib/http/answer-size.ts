/**
 * How large an answer of Lambda may be: a body travels as a string in the JSON of the function's
 * result, where each of its quotes and line ends takes two bytes.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */

/** Lambda refuses a larger result, and API Gateway then answers 502. */
const MAX_RESULT_BYTES = 6_291_556;
/** For the result's headers, and for a part of the body that is added after it was measured. */
const MARGIN_BYTES = 65_536;

/** Most bytes that a body may take of an answer, as `bodyBytes` counts them. */
export const MAX_BODY_BYTES = MAX_RESULT_BYTES - MARGIN_BYTES;

/** Bytes that a text takes as the body of an answer. */
export function bodyBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
