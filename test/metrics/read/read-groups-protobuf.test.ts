import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Group, LabelSet } from "../../../lib/metrics/family.ts";
import { readLength } from "../../../lib/metrics/read/protobuf-cursor.ts";
import { openConnection } from "../../../lib/metrics/push/pushgateway-connection.ts";
import { openPushgateway, type Pushgateway } from "../../../lib/metrics/read/pushgateway.ts";
import { jsonGroups } from "../../../lib/metrics/read/read-groups-json.ts";
import { protobufGroups } from "../../../lib/metrics/read/read-groups-protobuf.ts";
import { readSnapshot, type GroupFormat } from "../../../lib/metrics/read/read-groups.ts";
import { sortLabels } from "../../../local/pushgateway/label-set.ts";
import { printExposition } from "../../../local/pushgateway/print-exposition.ts";
import { startPushgateway } from "../../../local/pushgateway/server.ts";
import { expositions } from "../../local/pushgateway/arbitrary-exposition.ts";
import { startFaultyProxy } from "../../support/faulty-proxy.ts";
import { pushgatewayKinds, type TestPushgateway } from "../../support/pushgateway.ts";

const JOB = "trades";
const MEDIA_TYPE = "application/vnd.google.protobuf";

/** Groups, families, samples and labels in one order; help left out, since the page has one for all. */
function sortGroups(groups: readonly Group[]): unknown {
  const text = (value: unknown) => JSON.stringify(value);
  return groups
    .map(({ families, key, ...times }) => ({
      key: sortLabels(key),
      ...times,
      families: families
        .map(({ name, type, samples }) => ({
          name,
          type,
          samples: [...samples]
            .map((sample) => ({ ...sample, labels: sortLabels(sample.labels) }))
            .sort((a, b) => (text(a.labels) < text(b.labels) ? -1 : 1)),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    }))
    .sort((a, b) => (text(a.key) < text(b.key) ? -1 : 1));
}

async function read({ url }: { url: string }, format: GroupFormat): Promise<readonly Group[]> {
  const connection = openConnection({ url: new URL(url), headers: {}, maxIdleMs: 4_000 });
  const source = { connection, url, redact: (text: string) => text };
  try {
    const snapshot = await readSnapshot(source, format, JOB, { timeoutMs: 10_000 });
    return await Array.fromAsync(snapshot.groups);
  } finally {
    connection.close();
  }
}

async function expectAgreement(gateway: TestPushgateway): Promise<readonly Group[]> {
  const [page, json] = await Promise.all([
    read(gateway, protobufGroups),
    read(gateway, jsonGroups),
  ]);
  expect(sortGroups(page)).toEqual(sortGroups(json));
  return page;
}

describe.each(pushgatewayKinds)("the page of $name", (kind) => {
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
      for await (const { key } of (await client.readGroups(job)).groups) await client.remove(key);
    }
  });

  it("tells no groups where there are none", async () => {
    expect(await expectAgreement(gateway)).toEqual([]);
  });

  it.each<[string, readonly (readonly [LabelSet, string])[]]>([
    ["counters", [[{ instance: "1" }, '# TYPE c counter\nc 1\nc{a="1"} 2.5\n']]],
    ["many of many groups", many(20)],
    [
      "grouping labels beside own ones",
      [
        [
          { instance: "1", component: "x" },
          '# TYPE c counter\nc{a="1",component="own"} 1\nc{z="2"} 1\n',
        ],
        [{ instance: "2" }, '# TYPE c counter\nc{component="x"} 2\n'],
        [{ instance: "3", zone: "z" }, '# TYPE c counter\nc{component="x",instance="1"} 3\n'],
      ],
    ],
    [
      "odd labels",
      [
        [
          { instance: 'é😀"\\\n', a: "", constructor: "b" },
          '# TYPE c gauge\nc{toString="\\n\\"é😀",b=""} 1\n',
        ],
      ],
    ],
    [
      "histograms: bounds in any order, twice, without the bucket of all",
      [
        [
          { instance: "1" },
          '# TYPE h histogram\nh_bucket{le="+Inf"} 3\nh_bucket{le="2.5"} 2\nh_bucket{le="-1"} 1\nh_sum 0.5\nh_count 3\n',
        ],
        [
          { instance: "2" },
          '# TYPE h histogram\nh_bucket{le="1"} 3\nh_bucket{le="1"} 4\nh_sum 1\nh_count 5\n',
        ],
        [{ instance: "3" }, "# TYPE h histogram\nh_sum 1\nh_count 5e15\n"],
      ],
    ],
    [
      "what can't be added up",
      [[{ instance: "1" }, "u 1\n# TYPE s summary\ns_sum 1\ns_count 1\n"]],
    ],
    [
      "empty groups and refused ones",
      [
        [{ instance: "1" }, ""],
        [{ instance: "2" }, "a 1 1\n"],
        [{ instance: "3" }, "# TYPE a gauge\na 1\n"],
        [{ instance: "3" }, "a 1 1\n"],
      ],
    ],
    [
      "large and odd numbers",
      [
        [
          { instance: "1" },
          `# TYPE g gauge\n${[2 ** 53 - 1, 5e-324, 1.7976931348623157e308, "NaN", "+Inf", "-Inf"].map((value, i) => `g{i="${i}"} ${value}\n`).join("")}`,
        ],
      ],
    ],
    ["other jobs", [[{ instance: "1" }, "# TYPE a gauge\na 1\n"]]],
  ])("tells what its JSON does: %s", async (_, pushes) => {
    await client.put(
      { job: "other", instance: "1" },
      "# TYPE c counter\nc 1\n# TYPE h histogram\n",
    );
    for (const [key, body] of pushes) await client.put({ job: JOB, ...key }, body);
    const groups = await expectAgreement(gateway);
    expect(groups).toHaveLength(new Set(pushes.map(([{ instance }]) => instance)).size);
  });

  it("tells what its JSON does, whatever was pushed", async () => {
    const key = fc.record(
      {
        instance: fc.constantFrom("1", "2", "3"),
        a: fc.constantFrom("", "x"),
        b: fc.constant("é"),
      },
      { requiredKeys: ["instance"] },
    );
    const pushes = fc.array(fc.tuple(key, expositions), { minLength: 1, maxLength: 6 });
    const property = fc.asyncProperty(pushes, async (all) => {
      const byInstance = new Map(all.map((push) => [push[0].instance, push]));
      const keys = [...byInstance.values()].map(([own]) => ({ job: JOB, ...own }));
      for (const [own, families] of byInstance.values()) {
        await client.put({ job: JOB, ...own }, printExposition(families));
      }
      await expectAgreement(gateway);
      for (const own of keys) await client.remove(own);
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it.each<[string, readonly LabelSet[], RegExp]>([
    ["a group without an instance", [{ job: JOB }, { job: JOB, instance: "1" }], /of no instance/],
    ["a group of an empty instance", [{ job: JOB, instance: "" }], /of no instance/],
    [
      "two groups of one instance",
      [
        { job: JOB, instance: "1" },
        { job: JOB, instance: "1", a: "b" },
      ],
      /two of push_\w+ with one instance/,
    ],
  ])("is no use with %s", async (_, keys, reason) => {
    for (const key of keys) await client.put(key, "# TYPE a gauge\na 1\n");
    await expect(read(gateway, protobufGroups)).rejects.toMatchObject({
      code: "READ_FAILED",
      detail: expect.stringMatching(reason),
    });
    expect(await read(gateway, jsonGroups)).toHaveLength(keys.length);
  });

  it("is asked for where buckets prevail; JSON where it is broken", async () => {
    const own = await kind.start({ consistencyCheck: false });
    onTestFinished(() => own.close());
    const proxy = await startFaultyProxy({ target: own.url });
    onTestFinished(proxy.close);
    const ownClient = openPushgateway({ url: proxy.url, timeoutMs: 10_000 });
    onTestFinished(() => ownClient.close());
    const buckets = Array.from({ length: 10 }, (_, le) => `h_bucket{le="${le}"} 1\n`).join("");
    const histogram = `# TYPE h histogram\n${buckets}h_sum 1\nh_count 1\n`;
    const readTypes = async () => {
      const groups = await Array.fromAsync((await ownClient.readGroups(JOB)).groups);
      return groups.map(({ families }) => String(families[0]?.type)).sort();
    };
    await ownClient.put({ job: JOB, instance: "1" }, histogram);
    for (const _ of [1, 2, 3]) expect(await readTypes()).toEqual(["histogram"]);
    await ownClient.put({ job: JOB, instance: "2" }, "# TYPE h counter\nh 1\n");
    for (const _ of [1, 2]) expect(await readTypes()).toEqual(["counter", "histogram"]);

    const reads = proxy.requests.filter(({ method }) => method === "GET").map(({ path }) => path);
    const [json, page] = ["/api/v1/metrics", "/metrics"];
    expect(reads).toEqual([json, page, page, page, json, json]);
  });
});

describe("reading a page", () => {
  /** A page of a Pushgateway, and where its families end. */
  async function examplePage(): Promise<{ page: Buffer; ends: number[] }> {
    const gateway = await startPushgateway({ port: 0 });
    onTestFinished(gateway.close);
    const client = openPushgateway({ url: gateway.url, timeoutMs: 10_000 });
    onTestFinished(() => client.close());
    for (const [key, body] of many(3)) await client.put({ job: JOB, ...key }, body);
    const { accept } = protobufGroups;
    const answer = await fetch(`${gateway.url}/metrics`, { headers: { accept } });
    const page = Buffer.from(await answer.arrayBuffer());
    const cursor = { bytes: page, at: 0, end: page.length };
    const ends: number[] = [];
    while (cursor.at < page.length) {
      const length = readLength(cursor);
      cursor.at += length;
      ends.push(cursor.at);
    }
    return { page, ends };
  }

  /** Reads the page of a server that answers so. */
  async function readFrom(listener: RequestListener): Promise<readonly Group[]> {
    const server = createServer(listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return read({ url }, protobufGroups);
  }
  const headers = { "content-type": `${MEDIA_TYPE}; encoding=delimited` };
  const failure = (what: string) => ({
    code: "READ_FAILED",
    detail: expect.stringMatching(`^read of http://[^ ]*/metrics: .*${what}.*, expected `),
  });

  it("gives all groups or none, wherever the connection is cut", async () => {
    const { page, ends } = await examplePage();
    expect(
      await readFrom((_, response) => void response.writeHead(200, headers).end(page)),
    ).toHaveLength(3);
    for (const end of ends.slice(0, -1)) {
      for (const length of [end - 1, end, end + 1]) {
        const withLength = readFrom((_, response) => {
          response.writeHead(200, { ...headers, "content-length": page.length });
          response.write(page.subarray(0, length), () => response.destroy());
        });
        await expect(withLength).rejects.toMatchObject(failure("aborted"));
        const inChunks = readFrom((_, response) => {
          response.writeHead(200, headers);
          response.write(page.subarray(0, length), () => response.destroy());
        });
        await expect(inChunks).rejects.toMatchObject(failure("aborted"));
      }
    }
  });

  it("takes no body whose end only the end of the connection tells", async () => {
    const { page, ends } = await examplePage();
    const reading = readFrom((_, response) => {
      const head = ["HTTP/1.1 200 OK", `date: ${new Date().toUTCString()}`, "connection: close"];
      const type = `content-type: ${MEDIA_TYPE}; encoding=delimited`;
      response.socket?.write([...head, type, "", ""].join("\r\n"));
      response.socket?.end(page.subarray(0, ends[0]));
    });
    await expect(reading).rejects.toMatchObject(failure("no length"));
  });

  it.each([
    ["text", { "content-type": "text/plain; version=0.0.4" }, "an answer of text/plain"],
    ["nothing said", {}, "an answer of nothing"],
  ])("takes no other form: %s", async (_, head, what) => {
    const reading = readFrom(
      (_request, response) => void response.writeHead(200, head).end("x 1\n"),
    );
    await expect(reading).rejects.toMatchObject(failure(what));
  });

  it.each<[string, RequestListener]>([
    ["is none", (_, response) => void response.writeHead(404).end()],
    ["is text", (_, response) => void response.end("x 1\n")],
    ["is broken", (_, response) => void response.writeHead(200, headers).end(Buffer.from([7]))],
    [
      "is cut",
      (_, response) => {
        response.writeHead(200, headers);
        response.write(Buffer.from([7]), () => response.destroy());
      },
    ],
  ])("is read as JSON instead where it %s", async (_, showPage) => {
    const { client, asked } = await startTwoForms(showPage);
    for (const __ of [1, 2]) {
      expect(await Array.fromAsync((await client.readGroups(JOB)).groups)).toHaveLength(1);
    }
    expect(asked).toEqual(["/api/v1/metrics", "/metrics", "/api/v1/metrics"]);
  });

  it("is asked for again where it was only given up", async () => {
    const giveUp = new AbortController();
    const { client, asked } = await startTwoForms((_, response) => {
      if (giveUp.signal.aborted) response.writeHead(200, headers).end();
      else giveUp.abort();
    });
    expect(await Array.fromAsync((await client.readGroups(JOB)).groups)).toHaveLength(1);
    const { signal } = giveUp;
    await expect(client.readGroups(JOB, { signal })).rejects.toMatchObject({ code: "READ_FAILED" });
    expect(asked).toEqual(["/api/v1/metrics", "/metrics"]);
    expect(await Array.fromAsync((await client.readGroups(JOB)).groups)).toEqual([]);
    expect(asked.slice(2)).toEqual(["/metrics"]);
  });
});

/** A Pushgateway of one group, of which JSON says that the page is the better form. */
async function startTwoForms(showPage: RequestListener) {
  const sample = { labels: { job: JOB, instance: "1" }, sum: "1", count: "1" };
  const buckets = Object.fromEntries(Array.from({ length: 9 }, (__, le) => [String(le), "1"]));
  const group = {
    labels: { job: JOB, instance: "1" },
    push_time_seconds: { type: "GAUGE", metrics: [{ labels: {}, value: "1" }] },
    h: { type: "HISTOGRAM", metrics: [{ ...sample, buckets }] },
  };
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    if (request.url === "/metrics") showPage(request, response);
    else response.end(JSON.stringify({ status: "success", data: [group] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const client = openPushgateway({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    timeoutMs: 10_000,
  });
  onTestFinished(() => client.close());
  return { client, asked };
}

function many(count: number): [LabelSet, string][] {
  return Array.from({ length: count }, (_, i) => {
    const counters = `# TYPE c_total counter\nc_total{a="1",zone="${i % 3}"} ${i}\nc_total{a="2",zone="1"} 7\n`;
    return [{ instance: `i-${i}` }, `${counters}# TYPE g gauge\ng ${i}\n`];
  });
}
