/**
 * Who may read the page of all metrics.
 */

import * as v from "valibot";

export const pageConfig = v.pipe(
  v.object({
    METRICS_SCRAPE_TOKEN: v.optional(v.pipe(v.string(), v.minLength(16, "at least 16 characters"))),
  }),
  v.transform((env) => ({ scrapeToken: env.METRICS_SCRAPE_TOKEN })),
);
