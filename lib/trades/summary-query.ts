/**
 * What `GET /summary/{symbol}/{date}` was asked for.
 */

/** One symbol's UTC day. */
export interface SummaryQuery {
  readonly symbol: string;
  /** `YYYY-MM-DD`. */
  readonly date: string;
}

/**
 * Reads the path parameters of `GET /summary/{symbol}/{date}`, already URL-decoded.
 * @throws {ServiceError} `INVALID_REQUEST` with a fault for every bad one.
 */
export function parseSummaryQuery(
  params: Readonly<Record<string, string | undefined>>,
): SummaryQuery {
  throw new Error(`not built yet: ${Object.keys(params).join()}`);
}
