import { metricsPage } from "k2-trades/metrics-page";
import { metrics } from "./metrics.ts";

export const handler = await metricsPage({ metrics });
