/** What a Pushgateway shows of two groups, with a family of each type. */

import type { ParsedFamily } from "../../local/pushgateway/exposition.ts";

/** Job of the two groups. */
export const PAGE_JOB = "j";
const key = { instance: "i", job: PAGE_JOB };

/** The families of its page. */
export const PAGE_FAMILIES: readonly ParsedFamily[] = [
  {
    name: "a_total",
    help: "Text.",
    type: "counter",
    samples: ["i", "k"].flatMap((instance) => [
      { labels: { b: "1", instance, job: PAGE_JOB }, value: 1 },
      { labels: { b: "é", instance, job: PAGE_JOB, z: "2" }, value: 2.5 },
    ]),
  },
  {
    name: "h",
    help: "",
    type: "histogram",
    samples: ["i", "k"].map((instance) => ({
      labels: { instance, job: PAGE_JOB },
      buckets: [
        [0.5, 1],
        [Infinity, 300],
      ],
      sum: 3,
      count: 300,
    })),
  },
  ...["push_failure_time_seconds", "push_time_seconds"].map((name): ParsedFamily => ({
    name,
    help: "When.",
    type: "gauge",
    samples: ["i", "k"].map((instance) => ({ labels: { instance, job: PAGE_JOB }, value: 7 })),
  })),
  {
    name: "s",
    help: "",
    type: "summary",
    samples: [{ labels: key, quantiles: [], sum: 1, count: 2 }],
  },
  {
    name: "u",
    help: "",
    type: "untyped",
    samples: [{ labels: { ...key, job: "other" }, value: 1 }],
  },
];
