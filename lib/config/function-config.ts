/**
 * What any function is told: whose it is, and what Lambda sets.
 */

import * as v from "valibot";
import { name } from "./values.ts";

export const functionConfig = v.pipe(
  v.object({
    SERVICE_NAME: v.optional(name, "k2-trades"),
    STAGE: v.optional(name, "dev"),
    APP_VERSION: v.optional(v.pipe(v.string(), v.maxLength(64, "at most 64 characters")), "dev"),
    AWS_LAMBDA_RUNTIME_API: v.optional(v.string()),
    AWS_LAMBDA_MAX_CONCURRENCY: v.optional(v.string()),
  }),
  v.transform((env) => ({
    service: env.SERVICE_NAME,
    stage: env.STAGE,
    version: env.APP_VERSION,
    lambda: {
      runtimeApi: env.AWS_LAMBDA_RUNTIME_API,
      isMultiConcurrent: env.AWS_LAMBDA_MAX_CONCURRENCY !== undefined,
    },
  })),
);
