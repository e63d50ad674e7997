import type { MetricDefinition } from "k2-trades/metrics";

/** What this service measures beside the common metrics: known to its functions and to its page. */
export const metrics: MetricDefinition[] = [
  {
    name: "greetings_total",
    type: "counter",
    help: "Greetings, by language.",
    labels: ["language"],
    zeros: [{ language: "en" }, { language: "de" }],
  },
  { name: "guests_waiting", type: "gauge", help: "Guests not yet greeted.", aggregation: "sum" },
];
