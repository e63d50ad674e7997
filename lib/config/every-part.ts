/**
 * All that can be configured, for who looks at a deployment as a whole.
 */

import { metricsConfig } from "./metrics-config.ts";
import { pageConfig } from "./page-config.ts";
import { SERVICE_PARTS } from "./service-config.ts";

export const EVERY_PART = { ...SERVICE_PARTS, metrics: metricsConfig, page: pageConfig };

/** The name of every variable. */
export const VARIABLE_NAMES = Object.values(EVERY_PART).flatMap(({ pipe }) =>
  Object.keys(pipe[0].entries),
);
