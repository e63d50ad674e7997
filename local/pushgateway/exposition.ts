/**
 * What the Prometheus text format can say, which is more than our own families: types that can't be
 * added up, and histograms as someone wrote them.
 */

import type { LabelSet, MetricFamily, ValueSample } from "../../lib/metrics/family.ts";

export interface UntypedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "untyped";
  readonly samples: readonly ValueSample[];
}

export interface SummarySample {
  readonly labels: LabelSet;
  readonly quantiles: readonly (readonly [quantile: number, value: number])[];
  readonly sum: number;
  readonly count: number;
}

export interface SummaryFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "summary";
  readonly samples: readonly SummarySample[];
}

/** Buckets are as they were written: in any order, the one of `+Inf` perhaps missing. */
export type ParsedFamily = MetricFamily | UntypedFamily | SummaryFamily;

export interface Exposition {
  /** Families with samples, in the order in which they begin. */
  readonly families: readonly ParsedFamily[];
  readonly hasTimestamps: boolean;
}
