import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { COMMON_METRICS } from "../../lib/metrics/record/catalogue.ts";
import { SERVICE_METRICS } from "../../lib/service-metrics.ts";
import { makeDashboard } from "../../ops/grafana/dashboard.ts";
import { panelsOf } from "../support/dashboard.ts";

const FILE = new URL("../../ops/grafana/k2-trades.json", import.meta.url);

describe("the dashboard", () => {
  const panels = panelsOf(makeDashboard());

  it("is current as k2-trades.json; `npm run dashboard` writes it", () => {
    expect(JSON.parse(readFileSync(FILE, "utf8"))).toEqual(
      JSON.parse(JSON.stringify(makeDashboard())),
    );
  });

  it.each(panels)("$title says what it shows, and asks the chosen Prometheus", (panel) => {
    expect(panel.description).toMatch(/\.$/);
    expect(panel.datasource).toEqual({ type: "prometheus", uid: "${datasource}" });
    expect(panel.targets.length).toBeGreaterThan(0);
  });

  it.each(panels)(
    "$title asks of each metric for the chosen services and stages alone",
    (panel) => {
      for (const { expr } of panel.targets) {
        const selectors = [...expr.matchAll(/\w+\{([^}]*)\}/g)].map(([, labels]) => labels);
        expect(selectors.length).toBeGreaterThan(0);
        for (const labels of selectors) {
          expect(labels).toContain('service=~"$service"');
          expect(labels).toContain('environment=~"$environment"');
        }
      }
    },
  );

  it("has no two panels of one name in a row, and none outside the width", () => {
    for (const { gridPos } of panels)
      expect((gridPos?.x ?? 0) + (gridPos?.w ?? 0)).toBeLessThanOrEqual(24);
  });

  it("asks for every common metric but those that only an alert or a count of something needs", () => {
    const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join("\n");
    const missing = [...COMMON_METRICS, ...SERVICE_METRICS]
      .map(({ name }) => name)
      .filter((name) => !asked.includes(name));
    expect(missing).toEqual([
      "kafka_batch_size",
      "metrics_ghost_groups_total",
      "metrics_clock_steps_total",
      "metrics_retirement_duration_seconds",
    ]);
  });
});
