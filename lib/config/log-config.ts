/**
 * How much is logged.
 */

import * as v from "valibot";

export const logConfig = v.pipe(
  v.object({
    LOG_LEVEL: v.optional(
      v.pipe(
        v.string(),
        v.toLowerCase(),
        v.picklist(
          ["debug", "info", "warn", "error", "silent"],
          "debug, info, warn, error or silent",
        ),
      ),
      "info",
    ),
  }),
  v.transform((env) => ({ level: env.LOG_LEVEL })),
);
