/**
 * Metric families and their samples, in the words of Prometheus: what a registry collects, a push
 * carries and a Pushgateway group holds.
 */

/** The types offered. Summaries are not: quantiles can't be added up. */
export type MetricType = "counter" | "gauge" | "histogram";

/** Label names and values, without `le`. */
export type LabelSet = Readonly<Record<string, string>>;

/** One value under one label set, of a counter or a gauge. */
export interface ValueSample {
  readonly labels: LabelSet;
  readonly value: number;
}

/** One histogram under one label set. */
export interface HistogramSample {
  readonly labels: LabelSet;
  /** `[upper bound, cumulative count]`, bounds ascending, the last one `Infinity`. */
  readonly buckets: readonly (readonly [le: number, count: number])[];
  readonly sum: number;
  readonly count: number;
}

interface Described {
  /** The name in the exposition; a counter's ends in `_total`. */
  readonly name: string;
  readonly help: string;
}

export interface ValueFamily extends Described {
  readonly type: "counter" | "gauge";
  readonly samples: readonly ValueSample[];
}

export interface HistogramFamily extends Described {
  readonly type: "histogram";
  readonly samples: readonly HistogramSample[];
}

export type MetricFamily = ValueFamily | HistogramFamily;

/** What one Pushgateway holds under one grouping key. */
export interface Group {
  /** The grouping key: `job` and the labels of the push URL. */
  readonly key: LabelSet;
  /** Last successful push by the Pushgateway's clock, in seconds since the epoch; 0 when none. */
  readonly pushedAtSeconds: number;
  /** Last refused push by the Pushgateway's clock, in seconds since the epoch; 0 when none. */
  readonly refusedAtSeconds: number;
  /** Families pushed by the client, without the grouping labels and the push times. */
  readonly families: readonly MetricFamily[];
}

/** All groups of one Pushgateway at one moment. */
export interface Snapshot {
  /** Which Pushgateway: its URL without credentials. */
  readonly pushgateway: string;
  /** The Pushgateway's own clock when it answered (its `Date` header), in seconds since the epoch. */
  readonly takenAtSeconds: number;
  /** Samples of different groups with the same labels have the same object for them. */
  readonly groups: AsyncIterable<Group>;
}
