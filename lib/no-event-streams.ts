/**
 * Stands for the AWS SDK's event streams in the Lambda bundle: it loads them for operations that
 * stream events, of which DynamoDB has none.
 */

export const eventStreamSerdeProvider = undefined;

/** A class, where it is whole. */
export function EventStreamSerde(): never {
  throw new Error("no event streams are in this bundle");
}
