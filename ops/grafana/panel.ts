/**
 * The kinds of panels the dashboard is made of, on Grafana's own builders.
 */

import * as common from "@grafana/grafana-foundation-sdk/common";
import {
  DatasourceVariableBuilder,
  ThresholdsConfigBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

export interface PanelText {
  readonly title: string;
  /** What the reader sees and what it should look like; shown behind the panel's (i). */
  readonly description: string;
  /** Grafana's name of a unit, such as `s` or `reqps`. */
  readonly unit: string;
}

/** A query and how its series are called, such as `{{endpoint}}`. */
export type Target = readonly [expression: string, legend: string];

/** Whoever imports the dashboard chooses its Prometheus by this variable. */
const SOURCE = { type: "prometheus", uid: "${datasource}" };

/** The Prometheus that all panels ask. */
export function sourceVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus");
}

/** A variable over the values of a label; all of them by default. */
export function labelVariable(label: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(label)
    .label(label)
    .datasource(SOURCE)
    .query(`label_values(build_info, ${label})`)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .includeAll(true)
    .allValue(".+")
    .multi(true)
    .current({ selected: true, text: "All", value: "$__all" });
}

/** Lines over time, a third of the width. */
export function lines(text: PanelText, ...targets: Target[]): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .min(0)
    .datasource(SOURCE)
    .span(8)
    .height(8)
    .fillOpacity(8)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true),
    );
  for (const target of targets) panel.withTarget(query(target));
  return panel;
}

export interface StatText extends PanelText {
  /** From which value on it is shown as bad; never without. */
  readonly badFrom?: number;
}

/** One number with its recent course, a sixth of the width. */
export function number(text: StatText, expression: string): stat.PanelBuilder {
  const steps = [
    { value: null, color: "green" },
    ...(text.badFrom === undefined ? [] : [{ value: text.badFrom, color: "red" }]),
  ];
  return new stat.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .datasource(SOURCE)
    .span(4)
    .height(4)
    .graphMode(common.BigValueGraphMode.Area)
    .thresholds(new ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps))
    .withTarget(query([expression, text.title]));
}

/** How the values of a histogram are spread over time. @param expression rates by `le`. */
export function spread(text: PanelText, expression: string): heatmap.PanelBuilder {
  return new heatmap.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .datasource(SOURCE)
    .span(8)
    .height(8)
    .calculate(false)
    .yAxis(new heatmap.YAxisConfigBuilder().unit(text.unit))
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme("Oranges")
        .steps(64),
    )
    .withTarget(query([expression, "{{le}}"]).format(prometheus.PromQueryFormat.Heatmap));
}

function query([expression, legend]: Target): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder()
    .datasource(SOURCE)
    .expr(expression)
    .legendFormat(legend)
    .range();
}
