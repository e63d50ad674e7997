import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  CONTENT_TYPES,
  formatPage,
  negotiateFormat,
  type ExpositionFormat,
} from "../../../lib/metrics/page/exposition.ts";
import type { HistogramSample, LabelSet, MetricFamily } from "../../../lib/metrics/family.ts";
import { readExposition, sampleLines } from "../../support/exposition.ts";
import {
  arbitraryFamilies,
  counterFamily,
  gaugeFamily,
  histogramFamily,
  histogramOf,
} from "../../support/groups.ts";
import { checkMetrics, isPromtoolMissing } from "../../support/promtool.ts";
import { pushgatewayKinds } from "../../support/pushgateway.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const FIXTURES = join(import.meta.dirname, "../../fixtures/exposition");
const fixture = (name: string) => readFileSync(join(FIXTURES, name), "utf8");

const KEY = { instance: "", job: "fixture" };
const labelled = (labels: LabelSet = {}): LabelSet =>
  Object.fromEntries(Object.entries({ ...KEY, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1)));

/** A page of every type, with everything that needs care; both fixtures show it. */
const PAGE: readonly MetricFamily[] = [
  {
    ...counterFamily(
      "api_requests_total",
      [labelled({ endpoint: "/summary/{symbol}/{date}", status_code: "200" }), 1234567890],
      [labelled({ endpoint: "/trades", status_code: "200" }), 0],
    ),
    help: "Requests answered.",
  },
  {
    ...gaugeFamily(
      "extremes",
      [labelled({ of: "infinity" }), Infinity],
      [labelled({ of: "largest double" }), Number.MAX_VALUE],
      [labelled({ of: "minus infinity" }), -Infinity],
      [labelled({ of: "not a number" }), NaN],
      [labelled({ of: "safe integers" }), Number.MAX_SAFE_INTEGER],
      [labelled({ of: "thirds" }), 1 / 3],
    ),
    help: "Values at the edge of what a double holds.",
  },
  {
    ...counterFamily("jobs", [labelled(), 2]),
    help: "A counter whose name does not end in _total.",
  },
  {
    ...histogramFamily(
      "query_duration_milliseconds",
      histogramOf(labelled({ engine: "dynamodb" }), [0.5, 10, 10000], [0.25, 3, 3, 70000]),
    ),
    help: "Time a query took.",
  },
  {
    ...gaugeFamily("shadowed", [labelled(), 1]),
    help: "Has the name that the counter below has in OpenMetrics.",
  },
  {
    ...counterFamily("shadowed_total", [labelled(), 3]),
    help: "Has the name above, and _total.",
  },
  {
    ...counterFamily(
      "spellings_total",
      [labelled({ of: 'C:\\DIR\\"FILE".TXT' }), 1],
      [labelled({ of: "two\nlines" }), 1],
      [labelled({ of: "{é,😀}=\t" }), 1],
    ),
    help: 'Has a \\ and a "quote"\nand a second line.',
  },
];

const FORMATS: [ExpositionFormat, string][] = [
  ["text", "text-0.0.4.txt"],
  ["openmetrics", "openmetrics-1.0.0.txt"],
];

describe("a page", () => {
  it.each(FORMATS)("in the format %s is the fixture %s, byte for byte", (format, name) => {
    expect(formatPage(PAGE, format)).toBe(fixture(name));
  });

  it("names every series alike in both formats, with the same value", () => {
    const [text, open] = FORMATS.map(([, name]) => sampleLines(fixture(name)));
    expect(open).toEqual(text);
    fc.assert(
      fc.property(arbitraryFamilies, (families) => {
        const pages = FORMATS.map(([format]) => sampleLines(formatPage(families, format)));
        expect(pages[1]).toEqual(pages[0]);
      }),
    );
  });

  it("comes back from a Pushgateway's parser as it was", () => {
    fc.assert(
      fc.property(arbitraryFamilies, (families) => {
        expect(readExposition(formatPage(families, "text"))).toEqual(families);
      }),
    );
  });

  it("gives in OpenMetrics no counter a name that a histogram's samples have", () => {
    const families = [
      histogramFamily("batch", histogramOf({}, [1], [1])),
      counterFamily("batch_count_total", [{}, 3]),
      counterFamily("batch_total", [{}, 3]),
    ];
    const page = formatPage(families, "openmetrics");
    expect(page).toContain("# TYPE batch histogram\n");
    expect(page).toContain("# TYPE batch_count_total unknown\n");
    expect(page).toContain("# TYPE batch_total unknown\n");
  });

  it("of nothing is empty, and ended in OpenMetrics", () => {
    expect(formatPage([], "text")).toBe("");
    expect(formatPage([], "openmetrics")).toBe("# EOF\n");
  });

  it("keeps the order of families and samples, each family in one piece", () => {
    const text = formatPage(PAGE.toReversed(), "openmetrics");
    const types = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(types).toEqual([
      "spellings",
      "shadowed_total",
      "shadowed",
      "query_duration_milliseconds",
      "jobs",
      "extremes",
      "api_requests",
    ]);
  });

  it.each(pushgatewayKinds)(
    "in the text format is what $name makes of the same samples",
    async ({ start }) => {
      const pushgateway = await start({ consistencyCheck: false });
      onTestFinished(pushgateway.close);
      const body = formatPage(PAGE.map(withoutKey), "text");
      const url = `${pushgateway.url}/metrics/job/fixture`;
      expect((await fetch(url, { method: "PUT", body })).status).toBe(202);
      await fetch(url.replace("fixture", "behind"), {
        method: "PUT",
        body: "# HELP behind b\nbehind 1\n",
      });
      const page = await (await fetch(`${pushgateway.url}/metrics`)).text();
      const names = new Set(PAGE.map(({ name }) => name));
      expect(spellNumbers(familiesOf(page, names))).toBe(fixture("text-0.0.4.txt"));
    },
  );
});

describe.skipIf(isPromtoolMissing)("promtool", () => {
  it("reads the text format, with no complaint but of names that the fixture has on purpose", () => {
    const { errors, lints } = checkMetrics(fixture("text-0.0.4.txt"));
    expect(errors).toEqual([]);
    expect(lints).toEqual([
      'jobs counter metrics should have "_total" suffix',
      'query_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
    ]);
  });

  it("reads OpenMetrics: every sample, with its labels and value", () => {
    expect(readOpenMetrics(fixture("openmetrics-1.0.0.txt"))).toEqual(storedSamples(PAGE));
    const law = fc.property(arbitraryFamilies, (families) => {
      if (families.length === 0) return;
      expect(readOpenMetrics(formatPage(families, "openmetrics"))).toEqual(storedSamples(families));
    });
    fc.assert(law, { numRuns: 10 });
  });
});

describe("negotiateFormat", () => {
  const PROTOBUF =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

  it.each<[scraper: string, accept: string | undefined, format: ExpositionFormat]>([
    [
      "Prometheus 2.42",
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      "openmetrics",
    ],
    [
      "Prometheus 3.0",
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
      "openmetrics",
    ],
    [
      "Prometheus 3.14",
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      "openmetrics",
    ],
    [
      "Prometheus 3.14 with native histograms",
      `${PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1`,
      "openmetrics",
    ],
    ["Prometheus told to ask for text", "text/plain;version=0.0.4;q=0.5,*/*;q=0.4", "text"],
    [
      "Prometheus told to prefer text",
      "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.4",
      "text",
    ],
    ["a scraper of protobuf alone", PROTOBUF, "text"],
    ["curl", "*/*", "text"],
    ["a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text"],
    ["who says nothing", undefined, "text"],
    ["who says nothing at length", "", "text"],
    ["who wants no OpenMetrics", "application/openmetrics-text;q=0, text/plain", "text"],
    ["who wants nothing else", "text/plain;q=0, application/openmetrics-text;q=0.1", "openmetrics"],
    ["who shouts", "APPLICATION/OPENMETRICS-TEXT ; Q=1 , TEXT/PLAIN ; Q=0.9", "openmetrics"],
    ["who can't count", "application/openmetrics-text;q=high,text/plain;q=0.1", "text"],
  ])("answers %s as asked", (_scraper, accept, format) => {
    expect(negotiateFormat(accept)).toBe(format);
  });

  it("takes any header for a reason to answer", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (accept) => {
        expect(["text", "openmetrics"]).toContain(negotiateFormat(accept));
      }),
    );
  });

  it("answers with the content types that scrapers know", () => {
    expect(CONTENT_TYPES).toEqual({
      text: "text/plain; version=0.0.4; charset=utf-8",
      openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    });
  });
});

function withoutKey(family: MetricFamily): MetricFamily {
  const strip = <T extends { readonly labels: LabelSet }>(sample: T): T => {
    const { instance: _instance, job: _job, ...labels } = sample.labels;
    return { ...sample, labels };
  };
  return family.type === "histogram"
    ? { ...family, samples: family.samples.map(strip) }
    : { ...family, samples: family.samples.map(strip) };
}

/** The families of these names, as they stand on a page. */
function familiesOf(page: string, names: ReadonlySet<string>): string {
  const families = page.split(/^(?=# HELP )/m);
  return families.filter((family) => names.has(family.split(" ")[2] ?? "")).join("");
}

/** Go writes 1.23456789e+09 where JavaScript writes 1234567890: the same double. */
function spellNumbers(page: string): string {
  return page.replaceAll(/ (\d\S*)$/gm, (_, value: string) => ` ${Number(value)}`);
}

/** Every sample as Prometheus stores it: promtool's OpenMetrics parser wants a time with each. */
function readOpenMetrics(text: string): Map<string, number> {
  const folder = tempFolder();
  writeFileSync(join(folder, "page"), text.replaceAll(/^(?!#)(.+)$/gm, "$1 1700000000"));
  const blocks = join(folder, "blocks");
  promtool("tsdb", "create-blocks-from", "openmetrics", join(folder, "page"), blocks);
  mkdirSync(join(blocks, "wal")); // Without one it dumps nothing.
  const dump = promtool("tsdb", "dump", blocks);
  return new Map(
    [...dump.matchAll(/^\{(.*)\} (\S+) \d+$/gm)].map(([, inner = "", value = ""]) => {
      const pairs = [...inner.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)];
      const labels = pairs.map(([, name = "", text = ""]) => [name, JSON.parse(text) as string]);
      return [seriesKey(Object.fromEntries(labels) as LabelSet), toNumber(value)] as const;
    }),
  );
}

function promtool(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`promtool ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** The samples of families as Prometheus keeps them: by name and labels, empty ones left out. */
function storedSamples(families: readonly MetricFamily[]): Map<string, number> {
  return new Map(
    families.flatMap((family): [string, number][] =>
      family.type === "histogram"
        ? family.samples.flatMap((sample) => histogramSamples(family.name, sample))
        : family.samples.map(({ labels, value }) => [
            seriesKey({ __name__: family.name, ...labels }),
            value,
          ]),
    ),
  );
}

function histogramSamples(name: string, sample: HistogramSample): [string, number][] {
  const { labels, buckets, sum, count } = sample;
  const key = (suffix: string, more: LabelSet = {}) =>
    seriesKey({ __name__: name + suffix, ...labels, ...more });
  return [
    ...buckets.map(([le, value]): [string, number] => [
      key("_bucket", { le: le === Infinity ? "+Inf" : String(le) }),
      value,
    ]),
    [key("_sum"), sum],
    [key("_count"), count],
  ];
}

function seriesKey(labels: LabelSet): string {
  const set = Object.entries(labels).filter(([, value]) => value !== "");
  return JSON.stringify(set.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function toNumber(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}
