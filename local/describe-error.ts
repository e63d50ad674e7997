/**
 * What went wrong, in as few words as a line for people has room for.
 */

/** The words of the innermost cause: what fetch, the AWS SDK and the Kafka client wrap says more than the wrapping. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return describeError(error.cause);
  if (error instanceof AggregateError && error.message !== "" && error.errors.length > 0)
    return describeError(error.errors.at(-1));
  // A connection refused on both of a name's addresses has no message of its own.
  const { message, code, name } = error as NodeJS.ErrnoException;
  return message || code || name;
}
