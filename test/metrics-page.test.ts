import { expect, it } from "vitest";
import { metricsPage } from "../lib/metrics-page.ts";
import type { MetricDefinition } from "../lib/metrics/definition.ts";
import { refusalOf } from "./support/refusal.ts";

it("does not open with a rule for a gauge that it does not know", () => {
  const gauge = { name: "guests", type: "gauge", help: "Guests.", aggregation: "average" };
  expect(refusalOf(() => metricsPage({ metrics: [gauge as MetricDefinition] }))).toMatchObject({
    code: "INVALID_METRIC",
    detail: "metric guests: expected aggregation: sum, max, min, avg or last",
  });
});
