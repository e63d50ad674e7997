/** One chart: lines over the last minutes, with a legend of what is now, or under the pointer. */

import uPlot from "uplot";
import type { Line } from "./history.ts";

export interface Chart {
  /** @param times seconds since 1970, one for each value of a line. */
  draw(times: readonly number[], lines: readonly Line[]): void;
}

export interface ChartOptions {
  readonly title: string;
  /** What the axis counts, such as `requests a second`. */
  readonly unit: string;
  readonly format: (value: number) => string;
}

/** Told apart by people who see few colours too; readable on light and dark. */
const COLOURS = [
  "#2f7de1",
  "#d9772b",
  "#2a9d6f",
  "#b45bc9",
  "#c9a227",
  "#d64d6b",
  "#4aa8b8",
  "#8a8f3c",
];
const HEIGHT = 190;

/** Puts a chart into a container; it follows the container's width and the page's theme. */
export function openChart(container: HTMLElement, options: ChartOptions): Chart {
  const figure = document.createElement("figure");
  figure.innerHTML = "<figcaption><b></b><span></span></figcaption><div role='img'></div>";
  const [title, unit] = figure.querySelectorAll("b, span");
  if (title) title.textContent = options.title;
  if (unit) unit.textContent = options.unit;
  const canvas = figure.querySelector("div");
  container.append(figure);
  let plot: uPlot | undefined;
  let drawn = "";

  return {
    draw: (times, lines) => {
      if (canvas === null) return;
      canvas.setAttribute("aria-label", describe(options, lines));
      const data = [times, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData;
      const look = JSON.stringify([
        lines.map(({ label }) => label),
        colour("--muted"),
        canvas.clientWidth,
      ]);
      if (plot === undefined || look !== drawn) {
        plot?.destroy();
        plot = new uPlot(plotOptions(options, lines, canvas.clientWidth), data, canvas);
        drawn = look;
      } else plot.setData(data);
      if ((plot.cursor.left ?? -1) < 0) plot.setLegend({ idx: times.length - 1 });
    },
  };
}

/** The chart in words, for those who don't see it: the latest value of each line. */
function describe({ title, format }: ChartOptions, lines: readonly Line[]): string {
  const words = lines.map(({ label, values }) => {
    const last = values.findLast((value) => value !== null);
    return `${label} ${last === undefined || last === null ? "none" : format(last)}`;
  });
  return `${title}: ${words.join(", ") || "nothing yet"}`;
}

function plotOptions(
  { format }: ChartOptions,
  lines: readonly Line[],
  width: number,
): uPlot.Options {
  const axis = {
    stroke: colour("--muted"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, Number.MIN_VALUE)] } },
    axes: [
      { ...axis, space: 90, size: 34, values: (_plot, times) => times.map((time) => clock(time)) },
      { ...axis, size: 60, values: (_plot, values) => values.map((value) => format(value)) },
    ],
    series: [
      { value: "{HH}:{mm}:{ss}" },
      ...lines.map(({ label }, i) => ({
        label,
        stroke: COLOURS[i % COLOURS.length] ?? "gray",
        width: 1.75,
        spanGaps: false,
        points: { show: false },
        value: (_plot: uPlot, value: number | null) => (value === null ? "–" : format(value)),
      })),
    ],
  };
}

/** `20:29:32`, as the legend has it. */
function clock(seconds: number): string {
  return uPlot.fmtDate("{HH}:{mm}:{ss}")(new Date(seconds * 1_000));
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
