import { once } from "node:events";
import http from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { LabelSet } from "../../../lib/metrics/family.ts";
import { groupPath } from "../../../lib/metrics/push/grouping-key.ts";
import {
  installed,
  pushgatewayKinds,
  type TestPushgateway,
  type TestPushgatewayOptions,
} from "../../support/pushgateway.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** What everyone here relies on, held by the embedded Pushgateway and by every real one there is. */

interface Request {
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "HEAD" | "PATCH";
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Requests, the status of each, and what is there afterwards. */
interface Behaviour {
  readonly send: readonly Request[];
  readonly statuses: readonly number[];
  /** Sample lines of `/metrics`, those of the Pushgateway itself and push times left out. */
  readonly shows?: readonly string[];
  /** Which push times each group has, by job. */
  readonly times?: Readonly<Record<string, "pushed" | "refused" | "both">>;
  /** In the text of the last answer. */
  readonly says?: RegExp;
}

const put = (path: string, body: string | Buffer, headers = {}): Request => {
  return { method: "PUT", path: `/metrics${path}`, body, headers };
};
const post = (path: string, body: string): Request => ({ ...put(path, body), method: "POST" });
const remove = (path: string): Request => ({ method: "DELETE", path: `/metrics${path}` });

const HISTOGRAM =
  '# TYPE h histogram\nh_bucket{le="0.5"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n';
const GZIP = { "content-encoding": "gzip" };
const gzipped = gzipSync("x 1\n");

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  "a PUT stores a group": {
    send: [put("/job/j", "x 1\n")],
    statuses: [200],
    shows: ['x{instance="",job="j"} 1'],
    times: { j: "pushed" },
  },
  "a PUT replaces the whole group": {
    send: [put("/job/j", "x 1\ny 2\n"), put("/job/j", "x 3\n")],
    statuses: [200, 200],
    shows: ['x{instance="",job="j"} 3'],
  },
  "a POST replaces families of the same name": {
    send: [put("/job/j", 'x{a="1"} 1\ny 2\n'), post("/job/j", 'x{a="2"} 3\n')],
    statuses: [200, 200],
    shows: ['x{a="2",instance="",job="j"} 3', 'y{instance="",job="j"} 2'],
  },
  "an empty PUT empties the group, whose push time stays": {
    send: [put("/job/j", "x 1\n"), put("/job/j", "")],
    statuses: [200, 200],
    shows: [],
    times: { j: "pushed" },
  },
  "an empty POST changes nothing but the push time": {
    send: [put("/job/j", "x 1\n"), post("/job/j", "")],
    statuses: [200, 200],
    shows: ['x{instance="",job="j"} 1'],
  },
  "comments alone are an empty push": {
    send: [put("/job/j", "# TYPE x counter\n# hello\n#\n\n  \n")],
    statuses: [200],
    shows: [],
    times: { j: "pushed" },
  },
  "a DELETE removes the group": {
    send: [put("/job/j", "x 1\n"), remove("/job/j")],
    statuses: [200, 202],
    shows: [],
    times: {},
  },
  "a DELETE of no group is accepted": { send: [remove("/job/j")], statuses: [202], times: {} },
  "groups are told apart by all their labels": {
    send: [
      put("/job/j", "x 1\n"),
      put("/job/j/a/1", "x 2\n"),
      put("/job/j/b/2/a/1", "x 3\n"),
      put("/job/j/a/1/b/2", "x 4\n"),
      remove("/job/j/a/1"),
    ],
    statuses: [200, 200, 200, 200, 202],
    shows: ['x{instance="",job="j"} 1', 'x{a="1",b="2",instance="",job="j"} 4'],
  },
  "the group's labels go before the body's": {
    send: [put("/job/j/a/1", 'x{a="2",b="3",job="k",instance="i"} 1\n')],
    statuses: [200],
    shows: ['x{a="1",b="3",instance="i",job="j"} 1'],
  },
  "samples that differ only in the group's labels are one, twice": {
    send: [put("/job/j", 'x{job="k"} 1\nx{job="l"} 1\n')],
    statuses: [400],
    says: /was collected before with the same name and label values/,
  },
  "a sample given twice is refused": {
    send: [put("/job/j", 'x{a="1",b="2"} 1\nx{b="2",a="1"} 1\n')],
    statuses: [400],
    times: { j: "refused" },
    says: /was collected before with the same name and label values/,
  },
  "a sample of another group is refused": {
    send: [put("/job/j", 'x{a="1"} 1\n'), put("/job/j/a/1", "x 2\n")],
    statuses: [200, 400],
    shows: ['x{a="1",instance="",job="j"} 1'],
    says: /was collected before with the same name and label values/,
  },
  "a label that is empty makes another sample than one that is absent": {
    send: [put("/job/j", 'x{a=""} 1\nx 2\n')],
    statuses: [200],
    shows: ['x{instance="",job="j"} 2', 'x{a="",instance="",job="j"} 1'],
  },
  "a refused push changes nothing but the failure time": {
    send: [put("/job/j", "x 1\ny 2\n"), put("/job/j", "x 3\nx 4\n")],
    statuses: [200, 400],
    shows: ['x{instance="",job="j"} 1', 'y{instance="",job="j"} 2'],
    times: { j: "both" },
  },
  "a failure time stays when the next push succeeds": {
    send: [put("/job/j", "x 3\nx 4\n"), put("/job/j", "x 1\n")],
    statuses: [400, 200],
    shows: ['x{instance="",job="j"} 1'],
    times: { j: "both" },
  },
  "timestamps are refused": {
    send: [put("/job/j", "x 1 1700000000000\n")],
    statuses: [400],
    times: { j: "refused" },
    says: /pushed metrics must not have timestamps/,
  },
  "a type that clashes with another group's is refused": {
    send: [
      put("/job/j", "# TYPE x counter\nx 1\n"),
      put("/job/k", "# TYPE x gauge\nx 1\n"),
      put("/job/j", "# TYPE x gauge\nx 2\n"),
    ],
    statuses: [200, 400, 200],
    shows: ['x{instance="",job="j"} 2'],
    times: { j: "pushed", k: "refused" },
  },
  "a type that clashes with the Pushgateway's own is refused": {
    send: [put("/job/j", "# TYPE pushgateway_build_info counter\npushgateway_build_info 1\n")],
    statuses: [400],
    times: { j: "refused" },
  },
  "help may differ between groups": {
    send: [put("/job/j", "# HELP x one\nx 1\n"), put("/job/k", "# HELP x other\nx 1\n")],
    statuses: [200, 200],
    shows: ['x{instance="",job="j"} 1', 'x{instance="",job="k"} 1'],
  },
  "a counter beside a histogram of its name is refused": {
    send: [put("/job/j", "# TYPE h_count counter\nh_count 5\n# TYPE h histogram\nh_sum 3\n")],
    statuses: [400],
    times: { j: "refused" },
    says: /collides with/,
  },
  "a counter beside another group's histogram is refused": {
    send: [put("/job/j", HISTOGRAM), put("/job/k", "h_bucket 5\n")],
    statuses: [200, 400],
    says: /collides with/,
  },
  "a histogram beside another group's counter is refused": {
    send: [put("/job/j", "h_sum 5\n"), put("/job/k", HISTOGRAM)],
    statuses: [200, 400],
    says: /collides with/,
  },
  "a bucket beside a summary of its name is fine": {
    send: [
      put("/job/j", '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 2\ns_count 3\ns_bucket 4\n'),
    ],
    statuses: [200],
    shows: [
      's{instance="",job="j",quantile="0.5"} 1',
      's_sum{instance="",job="j"} 2',
      's_count{instance="",job="j"} 3',
      's_bucket{instance="",job="j"} 4',
    ],
  },
  "the bucket of all is added where it lacks": {
    send: [put("/job/j", '# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 2\nh_count 3\n')],
    statuses: [200],
    shows: [
      'h_bucket{instance="",job="j",le="1"} 1',
      'h_bucket{instance="",job="j",le="+Inf"} 3',
      'h_sum{instance="",job="j"} 2',
      'h_count{instance="",job="j"} 3',
    ],
  },
  "a reserved label name is refused": {
    send: [put("/job/j", 'x{__a="b"} 1\n')],
    statuses: [400],
    times: { j: "refused" },
    says: /label with an invalid name: __a/,
  },
  "what can't be parsed leaves no trace": {
    send: [put("/job/j", "x one\n")],
    statuses: [400],
    times: {},
    says: /^text format parsing error in line 1: /,
  },
  "a last line without its end is refused": {
    send: [put("/job/j", "x 1\ny 2")],
    statuses: [400],
    times: {},
    says: /^text format parsing error in line 2: unexpected end of input stream/,
  },
  "push times in a body are dropped": {
    send: [put("/job/j", "push_time_seconds 5\npush_failure_time_seconds 5\n")],
    statuses: [200],
    shows: [],
    times: { j: "pushed" },
  },
  "numbers are shown as Go writes them": {
    send: [put("/job/j", 'x{a="1"} 1580000000\nx{a="2"} 1E-7\nx{a="3"} +Inf\nx{a="4"} nan\n')],
    statuses: [200],
    shows: [
      'x{a="1",instance="",job="j"} 1.58e+09',
      'x{a="2",instance="",job="j"} 1e-07',
      'x{a="3",instance="",job="j"} +Inf',
      'x{a="4",instance="",job="j"} NaN',
    ],
  },
  "escapes in labels are kept": {
    send: [put("/job/j", 'x{a="\\\\\\"\\n<&>é😀"} 1\n')],
    statuses: [200],
    shows: ['x{a="\\\\\\"\\n<&>é😀",instance="",job="j"} 1'],
  },
  "a label value of no UTF-8 is refused": {
    send: [put("/job/j", Buffer.from('x{a="\xff"} 1\n', "latin1"))],
    statuses: [400],
    times: {},
  },
  "a gzipped body is taken": {
    send: [put("/job/j", gzipped, GZIP)],
    statuses: [200],
    shows: ['x{instance="",job="j"} 1'],
  },
  "a body that is not what its encoding says is refused": {
    send: [put("/job/j", "x 1\n", GZIP)],
    statuses: [400],
    times: {},
  },
  "the content type does not matter": {
    send: [put("/job/j", "x 1\n", { "content-type": "application/json" })],
    statuses: [200],
    shows: ['x{instance="",job="j"} 1'],
  },
  "a push without a job is not taken": {
    send: [put("", "x 1\n"), put("/job", "x 1\n"), put("/job@base64/=", "x 1\n")],
    statuses: [405, 404, 400],
    times: {},
  },
  "an odd number of components is refused": {
    send: [put("/job/j/a", "x 1\n"), put("/job/j/a/1/", "x 1\n"), remove("/job/j/a")],
    statuses: [400, 400, 400],
    says: /odd number of components in label string "\/a"/,
  },
  "label names that are none are refused": {
    send: [put("/job/j/1a/b", "x 1\n"), put("/job/j/a-b/c", "x 1\n"), put("/job/j/__a/b", "x 1\n")],
    statuses: [400, 400, 400],
    times: {},
    says: /improper label name "__a"/,
  },
  "base64 that is none is refused": {
    send: [put("/job/j/a@base64/b!c", "x 1\n"), put("/job/j/a@base64/b", "x 1\n")],
    statuses: [400, 400],
    says: /invalid base64 encoding/,
  },
  "only GET reads, only PUT, POST and DELETE change": {
    send: [
      { method: "GET", path: "/metrics/job/j" },
      { method: "PATCH", path: "/metrics/job/j" },
      { method: "PUT", path: "/api/v1/metrics" },
      { method: "PUT", path: "/-/ready" },
      { method: "HEAD", path: "/metrics" },
    ],
    statuses: [405, 405, 405, 405, 405],
  },
  "other paths are not found": {
    send: [
      { method: "GET", path: "/nothing" },
      { method: "PUT", path: "/metrics/nothing/j", body: "x 1\n" },
    ],
    statuses: [404, 404],
  },
  "it is ready and healthy": {
    send: [
      { method: "GET", path: "/-/ready" },
      { method: "GET", path: "/-/healthy" },
    ],
    statuses: [200, 200],
    says: /^OK$/,
  },
};

/** What 1.5.1 does otherwise; the embedded one follows the newest. */
const OLD_BEHAVIOURS: typeof BEHAVIOURS = {
  "a quote escaped in help is refused": {
    send: [put("/job/j", '# HELP x a \\"b\\"\nx 1\n')],
    statuses: [400],
  },
  "a name in quotes is refused": {
    send: [put("/job/j", '{"x",a="b"} 1\n')],
    statuses: [400],
  },
  "a fraction of a count is cut off": {
    send: [put("/job/j", '# TYPE h histogram\nh_bucket{le="1"} 1.5\nh_count 2.5\n')],
    statuses: [200],
    shows: [
      'h_bucket{instance="",job="j",le="1"} 1',
      'h_bucket{instance="",job="j",le="+Inf"} 2',
      'h_sum{instance="",job="j"} 0',
      'h_count{instance="",job="j"} 2',
    ],
  },
  "a gzipped body cut to its first bytes empties the group": {
    send: [put("/job/j", "x 1\n"), put("/job/j", gzipped.subarray(0, 10), GZIP)],
    statuses: [200, 200],
    shows: [],
  },
};

const NEW_BEHAVIOURS: typeof BEHAVIOURS = {
  "a quote escaped in help is taken": {
    send: [put("/job/j", '# HELP x a \\"b\\"\nx 1\n')],
    statuses: [200],
  },
  "a name in quotes is taken, unless it needs them": {
    send: [put("/job/j", '{"x",a="b"} 1\n'), put("/job/k", '{"é",a="b"} 1\n')],
    statuses: [200, 400],
    shows: ['x{a="b",instance="",job="j"} 1'],
  },
  "a fraction of a count is kept": {
    send: [put("/job/j", '# TYPE h histogram\nh_bucket{le="1"} 1.5\nh_count 2.5\n')],
    statuses: [200],
    shows: [
      'h_bucket{instance="",job="j",le="1"} 1.5',
      'h_bucket{instance="",job="j",le="+Inf"} 2.5',
      'h_sum{instance="",job="j"} 0',
      'h_count{instance="",job="j"} 2.5',
    ],
  },
  "a negative count is refused": {
    send: [put("/job/j", '# TYPE h histogram\nh_bucket{le="1"} -1\n')],
    statuses: [400],
    times: {},
  },
  "a gzipped body that was cut is refused": {
    send: [put("/job/j", "x 1\n"), put("/job/j", gzipped.subarray(0, 10), GZIP)],
    statuses: [200, 400],
    shows: ['x{instance="",job="j"} 1'],
  },
};

it("is tested against a real Pushgateway too", ({ skip }) => {
  const isOptional = installed === undefined && !process.env["CI"];
  skip(isOptional, "no prometheus-pushgateway on PATH; only CI insists on one");
  expect(installed).toBeDefined();
});

describe.each(pushgatewayKinds)("$name", (kind) => {
  let gateway: TestPushgateway;
  beforeAll(async () => void (gateway = await kind.start()));
  afterAll(() => gateway.close());
  beforeEach(() => wipe(gateway));

  const versions = kind.isOld ? OLD_BEHAVIOURS : NEW_BEHAVIOURS;
  it.each(Object.entries({ ...BEHAVIOURS, ...versions }))("%s", async (_, behaviour) => {
    const answers = [];
    for (const request of behaviour.send) answers.push(await send(gateway, request));
    expect(answers.map(({ status }) => status)).toEqual(behaviour.statuses);
    if (behaviour.says !== undefined) expect(answers.at(-1)?.text).toMatch(behaviour.says);
    if (behaviour.shows !== undefined) expect(await shownSamples(gateway)).toEqual(behaviour.shows);
    if (behaviour.times !== undefined) expect(await pushTimes(gateway)).toEqual(behaviour.times);
  });

  it.each<[path: string, key: LabelSet]>([
    ["/job/a%20b+c", { job: "a b+c" }],
    ["/job/a;b%3Fc%23d/x/1?y=2", { job: "a;b?c#d", x: "1" }],
    ["/job%40base64/YQ", { job: "a" }],
    ["/job@base64/YS9i/x@base64/YQ==", { job: "a/b", x: "a" }],
    ["/job/j/x@base64/=", { job: "j", x: "" }],
    ["/job/j/x@base64/", { job: "j", x: "" }],
    ["/job/j/x/", { job: "j", x: "" }],
    ["/job/j/", { job: "j" }],
    ["/job/j/x/1/x/2", { job: "j", x: "2" }],
    ["/job/j/job/k", { job: "j" }],
    ["/job/j/x/a%2Fy%2Fb", { job: "j", x: "a", y: "b" }],
    ["/job/j/x/%C3%A9%00%0A", { job: "j", x: "é\0\n" }],
    [`/job/j/x@base64/${Buffer.from("🔥/x").toString("base64url")}`, { job: "j", x: "🔥/x" }],
  ])("the URL %s names the group %j", async (path, key) => {
    expect(await send(gateway, put(path, "x 1\n"))).toMatchObject({ status: 200 });
    expect((await readApi(gateway)).map(({ labels }) => labels)).toEqual([key]);
  });

  it("decodes every path the client makes to the key it was made of", async () => {
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("", ".", "..", "/", "a//b", "%2F", "a+b c", "é😀\0\n", "?#;=@base64"),
    );
    const property = fc.asyncProperty(value, value, async (job, x) => {
      const key = { job: job || "j", instance: "i", x };
      await wipe(gateway);
      expect(await send(gateway, put(groupPath(key).slice("/metrics".length), ""))).toMatchObject({
        status: 200,
      });
      expect((await readApi(gateway)).map(({ labels }) => labels)).toEqual([key]);
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it.each(["/job/j//x", "//job/j", "/job/j/./x", "/job/j/x/.."])(
    "redirects the unclean path %s",
    async (path) => {
      const { status } = await send(gateway, put(path, "x 1\n"));
      expect([301, 307]).toContain(status);
      expect(await readApi(gateway)).toEqual([]);
    },
  );

  it("tells groups as JSON", async () => {
    const body = `# HELP x <Help> & "more"\n# TYPE x gauge\nx{a="b"} 1e9\n${HISTOGRAM}`;
    await send(gateway, put("/job/j/l/m", body));
    const answer = await send(gateway, { method: "GET", path: "/api/v1/metrics" });
    expect(answer.headers.get("content-type")).toBe("application/json");
    const own = { instance: "", job: "j", l: "m" };
    const time_stamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    const time = (outcome: string, value: unknown) => ({
      time_stamp,
      type: "GAUGE",
      help: `Last Unix time when changing this group in the Pushgateway ${outcome}.`,
      metrics: [{ labels: own, value }],
    });
    expect(JSON.parse(answer.text)).toEqual({
      status: "success",
      data: [
        {
          labels: { job: "j", l: "m" },
          last_push_successful: true,
          push_time_seconds: time("succeeded", expect.stringMatching(/^1\.\d+e\+09$/)),
          push_failure_time_seconds: time("failed", "0"),
          x: {
            time_stamp,
            type: "GAUGE",
            help: '<Help> & "more"',
            metrics: [{ labels: { ...own, a: "b" }, value: "1e+09" }],
          },
          h: {
            time_stamp,
            type: "HISTOGRAM",
            metrics: [{ labels: own, buckets: { "0.5": "1", "+Inf": "2" }, sum: "3", count: "2" }],
          },
        },
      ],
    });
  });

  it("shows families by name, samples by labels, with help and type", async () => {
    await send(gateway, put("/job/k", "# HELP b Two\\nlines \\\\ \n# TYPE b counter\nb 3\n"));
    await send(gateway, put("/job/j", 'a{x="2",y="1"} 1\na{z="1"} 2\na{x="1",y="2"} 3\n'));
    const answer = await send(gateway, { method: "GET", path: "/metrics" });
    expect(answer.headers.get("content-type")).toMatch(
      /^text\/plain; version=0\.0\.4; charset=utf-8/,
    );
    const page = /# TYPE a [^]*?\n(?=# HELP (?!b ))/.exec(answer.text)?.[0];
    expect(page).toBe(
      `# TYPE a untyped
a{instance="",job="j",z="1"} 2
a{instance="",job="j",x="1",y="2"} 3
a{instance="",job="j",x="2",y="1"} 1
# HELP b Two\\nlines \\\\\x20
# TYPE b counter
b{instance="",job="k"} 3
`,
    );
  });

  it("shows the same in protobuf, each family behind its length", async () => {
    await send(
      gateway,
      put("/job/kk", `# HELP c Two.\n# TYPE c counter\nc{a="é"} 3\n${HISTOGRAM}`),
    );
    const headers = {
      accept:
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    };
    const answer = await fetch(`${gateway.url}/metrics`, { headers });
    expect(answer.headers.get("content-type")).toMatch(
      /^application\/vnd\.google\.protobuf; proto=io\.prometheus\.client\.MetricFamily; encoding=delimited/,
    );
    const page = Buffer.from(await answer.arrayBuffer()).toString("hex");
    // As Pushgateway 1.5.1 and 1.11.3 wrote them.
    expect(page).toContain(
      "3a0a0163120454776f2e1800222d0a070a01611202c3a90a0c0a08696e7374616e636512000a090a036a6f6212026b6b1a09090000000000000840",
    );
    expect(page).toContain(
      "470a0168180422400a0c0a08696e7374616e636512000a090a036a6f6212026b6b3a2508021100000000000008401a0b080111000000000000e03f1a0b080211000000000000f07f",
    );
  });

  it("tells its own time, to the second in Date and finer in push times", async () => {
    const before = Date.now() / 1_000;
    await send(gateway, put("/job/j", "x 1\n"));
    await send(gateway, put("/job/k", "x 1\nx 1\n"));
    const { headers } = await send(gateway, { method: "GET", path: "/api/v1/metrics" });
    const after = Date.now() / 1_000;
    const groups = await readApi(gateway);
    const told = [
      groups.find(({ labels }) => labels["job"] === "j")?.["push_time_seconds"],
      groups.find(({ labels }) => labels["job"] === "k")?.["push_failure_time_seconds"],
    ].map((family) => Number((family as ApiFamily).metrics[0]?.value));
    for (const seconds of told) {
      expect(seconds).toBeGreaterThanOrEqual(before - 0.001);
      expect(seconds).toBeLessThanOrEqual(after + 0.001);
    }
    const date = Date.parse(headers.get("date") ?? "") / 1_000;
    expect(date).toBeGreaterThan(before - 1);
    expect(date).toBeLessThanOrEqual(after);
  });

  it.each([
    ["at the end of a line", "x 1\ny 2\n", kind.isOld],
    ["within a line", "x 1\ny 2", false],
  ])("with a body cut %s: applied %#", async (_, part, isApplied) => {
    for (const cut of ["end", "resetAndDestroy"] as const) {
      const { port } = new URL(gateway.url);
      const socket = connect(Number(port), "127.0.0.1")
        .on("error", () => {})
        .resume();
      const head = "PUT /metrics/job/j HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n";
      await new Promise<void>((written) => void socket.write(head + part, () => written()));
      socket[cut]();
      if (isApplied) await expect.poll(() => readApi(gateway)).toHaveLength(1);
      else await send(gateway, put("/job/later", "")); // By then it would be there.
      const jobs = (await readApi(gateway)).map(({ labels }) => labels["job"]);
      expect(jobs).toEqual([isApplied ? "j" : "later"]);
      socket.destroy();
      await wipe(gateway);
    }
  });

  it("is broken by two groups that differ in an empty instance alone; its JSON is not", async () => {
    const own = await startOwn(kind);
    const pushes = [put("/job/j", ""), put("/job/j/instance@base64/=", ""), put("/job/k", "")];
    const statuses = [];
    for (const push of pushes) statuses.push((await send(own, push)).status);
    expect(statuses).toEqual([200, 400, 400]);
    expect(await send(own, { method: "GET", path: "/metrics" })).toMatchObject({ status: 500 });
    expect(await readApi(own)).toHaveLength(3);
  });

  it("without its check takes what is inconsistent, not what can't be parsed", async () => {
    const own = await startOwn(kind, { consistencyCheck: false });
    const pushes = [
      put("/job/j", "x 1\nx 2\n"),
      put("/job/k", "x one\n"),
      put("/job/l", "x 1 1\n"),
    ];
    const statuses = [];
    for (const push of [...pushes, remove("/job/none")]) {
      statuses.push((await send(own, push)).status);
    }
    expect(statuses).toEqual([202, 400, 202, 202]);
    await expect.poll(() => readApi(own)).toHaveLength(2);
    expect(await pushTimes(own)).toEqual({ j: "pushed", l: "refused" });
    expect(await send(own, { method: "GET", path: "/metrics" })).toMatchObject({ status: 500 });
  });

  it("keeps its groups in a file over a restart", async () => {
    const persistencePath = join(tempFolder(), "groups");
    const first = await kind.start({ persistencePath });
    const odd = 'x{a="1"} NaN\nx{a="2"} -0\nx{a="3"} -Inf\nx{a="4"} 0.1\nx{number="5"} 5\n';
    await send(first, put("/job/j/x@base64/=", `${odd}${HISTOGRAM}`));
    await send(first, put("/job/k", "x 1 1\n"));
    const before = await readApi(first);
    await first.close();
    const second = await startOwn(kind, { persistencePath });
    expect(sortGroups(await readApi(second))).toEqual(sortGroups(before));
  });
});

type ApiFamily = { readonly metrics: readonly { readonly value: string }[] };
type ApiGroup = { readonly labels: LabelSet } & Readonly<Record<string, unknown>>;

/** One more of a kind, closed after the test. */
async function startOwn(
  kind: (typeof pushgatewayKinds)[number],
  options?: TestPushgatewayOptions,
): Promise<TestPushgateway> {
  const own = await kind.start(options);
  onTestFinished(() => own.close());
  return own;
}

async function send(
  { url }: TestPushgateway,
  { method, path, body = "", headers = {} }: Request,
): Promise<{ status: number; headers: Headers; text: string }> {
  const { hostname, port } = new URL(url);
  const call = http.request({
    host: hostname,
    port,
    method,
    path,
    headers,
    agent: false,
  });
  call.end(body);
  const [response] = (await once(call, "response")) as [http.IncomingMessage];
  const answered = new Headers(response.headers as Record<string, string>);
  return { status: response.statusCode ?? 0, headers: answered, text: await text(response) };
}

async function readApi(gateway: TestPushgateway): Promise<ApiGroup[]> {
  const answer = await send(gateway, { method: "GET", path: "/api/v1/metrics" });
  return (JSON.parse(answer.text) as { data: ApiGroup[] }).data;
}

async function wipe(gateway: TestPushgateway): Promise<void> {
  const groups = await readApi(gateway);
  for (const { labels } of groups) {
    await send(gateway, { method: "DELETE", path: groupPath(labels) });
  }
}

/** Families of its own, push times, comments. */
const NOT_PUSHED = /^(#|go_|process_|promhttp_|pushgateway_|push_time_|push_failure_time_)/;

async function shownSamples(gateway: TestPushgateway): Promise<string[]> {
  const { status, text } = await send(gateway, { method: "GET", path: "/metrics" });
  expect(status).toBe(200);
  return text.split("\n").filter((line) => line !== "" && !NOT_PUSHED.test(line));
}

async function pushTimes(gateway: TestPushgateway): Promise<Record<string, string>> {
  const outcomes = (await readApi(gateway)).map((group) => {
    const [pushed, refused] = ["push_time_seconds", "push_failure_time_seconds"].map(
      (name) => (group[name] as ApiFamily).metrics[0]?.value !== "0",
    );
    return [group.labels["job"], pushed && refused ? "both" : pushed ? "pushed" : "refused"];
  });
  return Object.fromEntries(outcomes);
}

function sortGroups(groups: readonly ApiGroup[]): ApiGroup[] {
  return groups.toSorted((a, b) => groupPath(a.labels).localeCompare(groupPath(b.labels)));
}
