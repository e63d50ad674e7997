import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Group, LabelSet, MetricFamily, Snapshot } from "../../../lib/metrics/family.ts";
import { groupPath } from "../../../lib/metrics/push/grouping-key.ts";
import { openPushgateway, type Pushgateway } from "../../../lib/metrics/read/pushgateway.ts";
import { sortLabels } from "../../../local/pushgateway/label-set.ts";
import { printExposition } from "../../../local/pushgateway/print-exposition.ts";
import { startPushgateway } from "../../../local/pushgateway/server.ts";
import { expositions } from "../../local/pushgateway/arbitrary-exposition.ts";
import { startFaultyProxy, type Fault } from "../../support/faulty-proxy.ts";
import { pushgatewayKinds, type TestPushgateway } from "../../support/pushgateway.ts";

const JOB = "trades";

async function collect({ groups }: Snapshot): Promise<Group[]> {
  const all = await Array.fromAsync(groups);
  return all.toSorted((a, b) => groupPath(a.key).localeCompare(groupPath(b.key)));
}

/** Families in one order, samples in one order. */
function sortFamilies(families: readonly MetricFamily[]): unknown {
  const byLabels = (a: { labels: LabelSet }, b: { labels: LabelSet }) =>
    JSON.stringify(sortLabels(a.labels)) < JSON.stringify(sortLabels(b.labels)) ? -1 : 1;
  return families
    .map((family) => ({ ...family, samples: [...family.samples].sort(byLabels) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

describe.each(pushgatewayKinds)("the groups of $name", (kind) => {
  let gateway: TestPushgateway;
  let client: Pushgateway;
  beforeAll(async () => {
    gateway = await kind.start();
    client = openPushgateway({ url: gateway.url, timeoutMs: 10_000 });
  });
  afterAll(async () => {
    client.close();
    await gateway.close();
  });
  beforeEach(async () => {
    for (const job of [JOB, "other"]) {
      for (const { key } of await collect(await client.readGroups(job))) await client.remove(key);
    }
  });

  it("are none where nothing was pushed", async () => {
    const snapshot = await client.readGroups(JOB);
    expect(snapshot.pushgateway).toBe(gateway.url);
    expect(await collect(snapshot)).toEqual([]);
  });

  it("are those of one job only", async () => {
    await client.put({ job: JOB }, "a 1\n");
    await client.put({ job: "other", service: JOB }, "a 2\n");
    const groups = await collect(await client.readGroups(JOB));
    expect(groups.map(({ key }) => key)).toEqual([{ job: JOB }]);
  });

  it.each<[string, LabelSet]>([
    ["plain", { job: JOB, instance: "0b9e" }],
    ["empty", { job: JOB, instance: "" }],
    ["with slashes", { job: JOB, path: "/a//b/", instance: "." }],
    ["odd", { job: JOB, a: 'é😀"\\\n<>&\u2028\0', b: "%2F+ ?#;" }],
    ["of names that objects have", { job: JOB, constructor: "a", toString: "b", labels: "c" }],
  ])("have their key back: %s", async (_, key) => {
    expect(await client.put(key, "# TYPE a gauge\na 1\n")).toEqual({ outcome: "acknowledged" });
    const [group] = await collect(await client.readGroups(JOB));
    expect(group?.key).toEqual(key);
    expect(group?.families).toEqual([
      { name: "a", help: "", type: "gauge", samples: [{ labels: {}, value: 1 }] },
    ]);
  });

  it("have no grouping labels in their samples, and no instance that nobody pushed", async () => {
    const key = { job: JOB, component: "api", environment: "dev" };
    const lines = 'a{job="x",component="y",b="1"} 1\na{b="",c="2"} 2\na{instance="i"} 3\n';
    await client.put(key, `# TYPE a counter\n${lines}`);
    const [group] = await collect(await client.readGroups(JOB));
    expect(group?.families[0]?.samples).toEqual([
      { labels: { b: "1" }, value: 1 },
      { labels: { b: "", c: "2" }, value: 2 },
      { labels: { instance: "i" }, value: 3 },
    ]);
  });

  it("have exact numbers", async () => {
    const numbers = [1.58e9, 2 ** 53 - 1, 0.1 + 0.2, 5e-324, Number.MAX_VALUE, 1e21, 123_456_789];
    const odd = [Infinity, -Infinity, Number.NaN];
    const lines = [...numbers, ...odd].map((value, i) => `a{i="${i}"} ${format(value)}\n`);
    await client.put({ job: JOB }, `# TYPE a gauge\n${lines.join("")}`);
    const [group] = await collect(await client.readGroups(JOB));
    const values = group?.families[0]?.samples.map((sample) => "value" in sample && sample.value);
    expect(values).toEqual([...numbers, ...odd]);
  });

  it("have histograms whole: bounds ascending, the bucket of all last", async () => {
    const lines =
      'h_bucket{le="+Inf"} 3000000\nh_bucket{le="10"} 2\nh_bucket{le="2.5"} 1\nh_bucket{le="-1"} 0\n';
    const noInfinite = 'h_bucket{a="b",le="1"} 1\nh_sum{a="b"} 0.5\nh_count{a="b"} 4\n';
    const body = `# HELP h How long.\n# TYPE h histogram\n${lines}h_sum 0.3\nh_count 3e6\n${noInfinite}`;
    await client.put({ job: JOB }, body);
    const [group] = await collect(await client.readGroups(JOB));
    const buckets = [
      [-1, 0],
      [2.5, 1],
      [10, 2],
      [Infinity, 3_000_000],
    ];
    const others = [
      [1, 1],
      [Infinity, 4],
    ];
    expect(group?.families).toEqual([
      {
        name: "h",
        help: "How long.",
        type: "histogram",
        samples: [
          { labels: {}, buckets, sum: 0.3, count: 3_000_000 },
          { labels: { a: "b" }, buckets: others, sum: 0.5, count: 4 },
        ],
      },
    ]);
  });

  it("leave out what can't be added up", async () => {
    const body = "u 1\n# TYPE s summary\ns_sum 1\ns_count 1\n# TYPE c counter\nc 1\n";
    await client.put({ job: JOB }, body);
    const [group] = await collect(await client.readGroups(JOB));
    expect(group?.families.map(({ name }) => name)).toEqual(["c"]);
  });

  it("have the times of their last pushes by the Pushgateway's clock", async () => {
    const [accepted, refused, both] = ["accepted", "refused", "both"].map((instance) => {
      return { job: JOB, instance };
    });
    if (!accepted || !refused || !both) throw new Error("three keys");
    const before = Date.now() / 1_000;
    await client.put(accepted, "a 1\n");
    await client.put(refused, "a 1 1\n");
    await client.put(both, "a 1\n");
    await client.put(both, "a 1 1\n");
    const snapshot = await client.readGroups(JOB);
    const after = Date.now() / 1_000;
    const times = new Map<unknown, number[]>();
    for await (const { key, pushedAtSeconds, refusedAtSeconds } of snapshot.groups) {
      times.set(key["instance"], [pushedAtSeconds, refusedAtSeconds]);
    }
    const isNow = expect.toSatisfy((seconds: number) => {
      return seconds > before - 0.01 && seconds < after + 0.01;
    });
    expect(Object.fromEntries(times)).toEqual({
      accepted: [isNow, 0],
      refused: [0, isNow],
      both: [isNow, isNow],
    });
    expect(snapshot.takenAtSeconds).toBe(Math.floor(snapshot.takenAtSeconds));
    expect(snapshot.takenAtSeconds).toBeGreaterThan(before - 1);
    expect(snapshot.takenAtSeconds).toBeLessThanOrEqual(after);
  });

  it("are what was pushed", async () => {
    const key = { job: JOB, instance: "law" };
    const readable = expositions.map((families) => {
      return families.filter((family): family is MetricFamily => {
        return family.type !== "untyped" && family.type !== "summary";
      });
    });
    const property = fc.asyncProperty(readable, async (families) => {
      const pushed = families.map((family) => withAscendingBuckets(family));
      expect(await client.put(key, printExposition(pushed))).toEqual({ outcome: "acknowledged" });
      const [group] = await collect(await client.readGroups(JOB));
      expect(sortFamilies(group?.families ?? [])).toEqual(sortFamilies(pushed));
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it("are answered while the page is broken", async () => {
    const own = await kind.start({ consistencyCheck: false });
    onTestFinished(() => own.close());
    const ownClient = openPushgateway({ url: own.url, timeoutMs: 10_000 });
    onTestFinished(() => ownClient.close());
    await ownClient.put({ job: JOB, a: "1" }, "# TYPE x counter\nx 1\n");
    await ownClient.put({ job: JOB, a: "2" }, "# TYPE x gauge\nx 2\n");
    expect((await fetch(`${own.url}/metrics`)).status).toBe(500);
    const groups = await collect(await ownClient.readGroups(JOB));
    expect(groups.map(({ families }) => families[0]?.type)).toEqual(["counter", "gauge"]);
  });
});

describe("reading groups", () => {
  const ONE =
    '{"labels":{"job":"trades"},"push_time_seconds":{"type":"GAUGE","metrics":[{"labels":{},"value":"1"}]}}';
  const whole = (data: string) => `{"status":"success","data":[${data}]}`;
  const family = (json: string) => whole(`{"labels":{"job":"trades"},"x":${json}}`);
  const gauge = (value: string) =>
    family(`{"type":"GAUGE","metrics":[{"labels":{},"value":${value}}]}`);

  /** Reads from a server that answers so, to the end. */
  async function read(listener: RequestListener, timeoutMs = 5_000): Promise<Group[]> {
    const server = createServer(listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = openPushgateway({ url, timeoutMs });
    onTestFinished(() => {
      client.close();
      server.close();
    });
    return collect(await client.readGroups(JOB));
  }
  const readBody = (body: string) => read((_, response) => void response.end(body));
  const failure = (what: string) => ({
    code: "READ_FAILED",
    status: 503,
    detail: expect.stringMatching(
      `^read of http://127\\.0\\.0\\.1:\\d+/api/v1/metrics: .*${what}.*, expected `,
    ),
  });

  it.each([
    ["one after another", whole(`${ONE},${ONE}`), 2],
    ["with blanks", ` {"data" : [ ${ONE} ,\n${ONE} ], "status": "success" } `, 2],
    ["none", whole(""), 0],
    ["those of other jobs, whatever they hold", whole('{"labels":{"job":"x"},"a":1},{},[]'), 0],
    [
      "one hidden behind a family named labels",
      whole('{"labels":{"type":"GAUGE","metrics":[]}}'),
      0,
    ],
    [
      "brackets and quotes in text",
      whole(`{"labels":{"job":"trades","a":"]}\\\\\\"[{"}},${ONE}`),
      2,
    ],
  ])("takes groups: %s", async (_, body, count) => {
    expect(await readBody(body)).toHaveLength(count);
  });

  it.each([
    ["nothing", "", "an answer that begins"],
    ["no JSON", "<html><body>", "an answer that begins"],
    ["another answer", '{"status":"error","error":"x"}', "an answer that begins"],
    ["an error beside data", '{"status":"error","data":[]}', "an answer that begins"],
    ["no data", '{"status":"success"}', "an answer that begins"],
    ["data of numbers", '{"status":"success","data":[1,2]}', "an answer that begins"],
    ["data of text", '{"status":"success","data":["a"]}', "an answer that begins"],
    ["something behind it", `${whole(ONE)}x`, "an answer that begins"],
    ["a long text", "x".repeat(100_000), "an answer that begins"],
    ["an end between groups", whole(`${ONE},`).slice(0, -2), "the answer ends in the middle"],
    ["an end within a group", whole(ONE).slice(0, -9), "the answer ends in the middle"],
    ["a group that is no JSON", whole('{"labels":}'), "Unexpected token"],
    ["a family without a type", family('{"metrics":[]}'), "family x of .* no type"],
    ["a family without metrics", family('{"type":"GAUGE"}'), "family x of .* no type"],
    ["a family that is none", family("1"), "family x of .* no type"],
    ["a family that is nothing", family("null"), "family x of"],
    ["a number that is none", gauge('"one"'), 'number "one"'],
    ["an empty number", gauge('""'), 'number ""'],
    ["a number that is no text", gauge("1"), "number 1"],
    ["a number that is missing", gauge("null"), "number null"],
    ["a number too large", gauge('"1e999"'), 'number "1e999"'],
  ])("fails on %s", async (_, body, what) => {
    await expect(readBody(body)).rejects.toMatchObject(failure(what));
  });

  it.each([
    [301, "moved"],
    [401, "who"],
    [404, "not found"],
    [500, "broken"],
    [204, ""],
  ])("fails on status %i", async (status, body) => {
    const what = body === "" ? `status ${status}` : `status ${status} \\(${body}\\)`;
    const reading = read((_, response) => void response.writeHead(status).end(body));
    await expect(reading).rejects.toMatchObject(failure(what));
  });

  it.each([
    ["missing", {}],
    ["not a time", { date: "today" }],
  ])("fails when Date is %s", async (_, headers) => {
    const reading = read((_request, response) => {
      response.sendDate = false;
      response.writeHead(200, headers).end(whole(ONE));
    });
    await expect(reading).rejects.toMatchObject(failure("Date header"));
  });

  it("fails when the answer stops within its length, after the groups that came", async () => {
    const reading = read((_, response) => {
      response
        .writeHead(200, { "content-length": 10_000 })
        .write(`{"status":"success","data":[${ONE},`);
      setTimeout(() => response.destroy(), 20);
    });
    await expect(reading).rejects.toMatchObject(failure("aborted"));
  });

  it("fails when the answer has not ended in time", async () => {
    const reading = read((_, response) => {
      response.writeHead(200).write(`{"status":"success","data":[${ONE},`);
    }, 100);
    await expect(reading).rejects.toMatchObject(failure("no answer within 100 ms"));
  });

  it("fails on a group that is larger than any can be", async () => {
    const huge = `{"labels":{"job":"trades","a":"${"x".repeat(2 ** 24)}"}}`;
    await expect(readBody(whole(huge))).rejects.toMatchObject(failure("a group of over"));
  });

  it.each<[string, Fault]>([
    ["is reset, twice", { type: "reset-after" }],
    ["is cut", { type: "cut-answer", part: 0.9 }],
    ["comes too late", { type: "delay-before", delayMs: 60_000 }],
    ["is a proxy's", { type: "status", status: 502 }],
  ])("never gives a part when the answer %s", async (_, fault) => {
    const target = await startPushgateway({ port: 0 });
    onTestFinished(target.close);
    const proxy = await startFaultyProxy({ target: target.url });
    onTestFinished(proxy.close);
    const client = openPushgateway({ url: proxy.url, timeoutMs: 30_000 });
    onTestFinished(() => client.close());
    for (const a of ["1", "2", "3"]) await client.put({ job: JOB, a }, "x 1\n");
    // The reset of a used socket is tried again.
    proxy.inject(...(fault.type === "reset-after" ? [fault, fault] : [fault]));
    const reading = client.readGroups(JOB, { timeoutMs: 300 }).then(collect);
    await expect(reading).rejects.toMatchObject(failure(""));
    expect(await collect(await client.readGroups(JOB))).toHaveLength(3);
  });

  it("fails when nobody is there", async () => {
    const client = openPushgateway({ url: "http://127.0.0.1:9" });
    await expect(client.readGroups(JOB)).rejects.toMatchObject(failure("ECONNREFUSED"));
  });

  it("lets go of an answer that is not read to its end", async () => {
    const target = await startPushgateway({ port: 0 });
    onTestFinished(target.close);
    const client = openPushgateway({ url: target.url, timeoutMs: 10_000 });
    onTestFinished(() => client.close());
    for (const a of ["1", "2"]) await client.put({ job: JOB, a }, "x 1\n");
    for await (const group of (await client.readGroups(JOB)).groups) {
      expect(group.key["job"]).toBe(JOB);
      break;
    }
    expect(await client.put({ job: JOB }, "x 1\n")).toEqual({ outcome: "acknowledged" });
  });
});

function format(value: number): string {
  return Number.isFinite(value) ? String(value) : String(value).replace("Infinity", "Inf");
}

function withAscendingBuckets(family: MetricFamily): MetricFamily {
  if (family.type !== "histogram") return family;
  const samples = family.samples.map((sample) => ({
    ...sample,
    buckets: sample.buckets.toSorted(([a], [b]) => a - b),
  }));
  return { ...family, samples };
}
