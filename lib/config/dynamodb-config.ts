/**
 * The table that holds the trades, or the ledger, or both, and where it is.
 */

import * as v from "valibot";
import { httpUrl, matching } from "./values.ts";

const table = matching(/^[A-Za-z0-9_.-]{3,255}$/, "3 to 255 letters, digits, `_`, `.`, `-`");

export const dynamodbConfig = v.pipe(
  v.object({
    AWS_REGION: v.optional(v.string(), "us-east-1"),
    DYNAMODB_ENDPOINT: v.optional(httpUrl),
    TABLE_NAME: v.optional(table, "k2-trades-dev"),
  }),
  v.transform((env) => ({
    region: env.AWS_REGION,
    endpoint: env.DYNAMODB_ENDPOINT,
    table: env.TABLE_NAME,
  })),
);

export type DynamoDbConfig = v.InferOutput<typeof dynamodbConfig>;
