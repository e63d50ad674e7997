/**
 * Who may read the API's answers.
 */

import * as v from "valibot";
import { list, matching } from "./values.ts";

const origin = matching(
  /^(?:\*|https?:\/\/[^\s/?#@]+)$/,
  "`*` or origins such as https://app.example.com",
);

export const apiConfig = v.pipe(
  v.object({ CORS_ORIGINS: v.optional(list(origin), "") }),
  v.transform((env) => ({ corsOrigins: env.CORS_ORIGINS })),
);
