/** The page of `/metrics` as the dashboard uses it: every sample with its labels. */

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A sum by some label values, under the text people see. */
export type Sums = ReadonlyMap<string, number>;

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([-+]?(?:\d[\d.eE+-]*|Inf)|NaN)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/** Reads a page in the text format 0.0.4. Lines it can't read are left out. */
export function parsePage(text: string): Series[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value = ""] = SAMPLE.exec(line) ?? [];
    return name === undefined
      ? []
      : [{ name, labels: parseLabels(labels), value: toNumber(value) }];
  });
}

/** Adds up the samples of a metric by the given labels; `""` is the key where none are given. */
export function sumBy(
  page: readonly Series[],
  name: string,
  by: readonly string[] = [],
  isWanted: (labels: Series["labels"]) => boolean = () => true,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const series of page) {
    if (series.name !== name || !isWanted(series.labels)) continue;
    const key = by.map((label) => series.labels[label] ?? "").join(" ");
    sums.set(key, (sums.get(key) ?? 0) + series.value);
  }
  return sums;
}

/**
 * The quantile that PromQL's `histogram_quantile` gives for these counts.
 * @param counts cumulative counts by `le`, as text.
 * @returns in the unit of the bounds; `undefined` when nothing was counted.
 */
export function quantileOf(q: number, counts: Sums): number | undefined {
  const buckets = [...counts]
    .map(([le, count]) => ({ bound: toNumber(le), count }))
    .toSorted((a, b) => a.bound - b.bound);
  const total = buckets.at(-1)?.count ?? 0;
  if (total <= 0) return undefined;
  const rank = q * total;
  const i = buckets.findIndex(({ count }) => count >= rank);
  const bucket = buckets[i];
  const below = buckets[i - 1] ?? { bound: 0, count: 0 };
  if (bucket === undefined || bucket.bound === Infinity) return below.bound;
  const share = (rank - below.count) / (bucket.count - below.count);
  return below.bound + (bucket.bound - below.bound) * share;
}

function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll(/\\[n"\\]/g, (escape) => ESCAPES[escape] ?? escape),
    ]),
  );
}

function toNumber(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}
