import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLength } from "../../../lib/metrics/read/protobuf-cursor.ts";
import { printExposition } from "../../../local/pushgateway/print-exposition.ts";
import { pushgatewayKinds, type TestPushgateway } from "../../support/pushgateway.ts";
import { expositions } from "./arbitrary-exposition.ts";

/** The embedded Pushgateway and each real one, given the same pushes, answer and hold the same. */

const [embeddedKind, ...realKinds] = pushgatewayKinds;
const GROUP = "/metrics/job/j/l/m";
/** In the text and among the names: families of a Pushgateway's own. */
const OWN = /^(# (HELP|TYPE) )?(go_|process_|promhttp_|pushgateway_|push_(failure_)?time_)/;
const PROTOBUF =
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

const wellFormed = expositions.map((families) => printExposition(families));
const mutation = fc.oneof(
  fc.constantFrom(...'{}"\\,= \n\t#x1_:.-+'.split("")),
  fc.constantFrom("\n# HELP x ", "\n# TYPE x counter\n", 'le="1"', "NaN", "e9", " 1700", "_sum"),
);
/** A well-formed body with some characters replaced. */
const malformed = fc
  .tuple(wellFormed, fc.array(fc.tuple(fc.nat(), mutation), { minLength: 1, maxLength: 3 }))
  .map(([text, mutations]) =>
    mutations.reduce((mutated, [at, inserted]) => {
      const i = at % (mutated.length + 1);
      return mutated.slice(0, i) + inserted + mutated.slice(i + (at % 2));
    }, text),
  );
/**
 * What the embedded one refuses on purpose: a real one drops the connection over braces without a
 * name, drops backslashes in a type, and lets the negative count of a summary wrap around.
 */
const isOutside = (body: string) =>
  /^[ \t]*\{/m.test(body) ||
  /^[ \t]*#[ \t]*TYPE.*\\/m.test(body) ||
  (/summary/i.test(body) && body.includes("-"));

it("has a real Pushgateway to agree with", ({ skip }) => {
  const isOptional = realKinds.length === 0 && !process.env["CI"];
  skip(isOptional, "no prometheus-pushgateway on PATH; only CI insists on one");
  expect(realKinds).not.toHaveLength(0);
});

describe.each(realKinds)("$name", (kind) => {
  let [real, embedded]: (TestPushgateway | undefined)[] = [];
  beforeAll(async () => {
    [real, embedded] = await Promise.all([kind.start(), embeddedKind?.start()]);
  });
  afterAll(async () => void (await Promise.all([real?.close(), embedded?.close()])));

  /** Makes the same pushes to both, from nothing, and compares after each. */
  async function expectAgreement(pushes: readonly Push[]): Promise<void> {
    for (const gateway of [real, embedded]) await fetch(gateway?.url + GROUP, { method: "DELETE" });
    for (const push of pushes) {
      expect(await pushTo(embedded, push)).toEqual(await pushTo(real, push));
    }
  }

  async function expectSameBytes(pushes: readonly Push[]): Promise<void> {
    await expectAgreement(pushes);
    expect(await showBytes(embedded)).toEqual(await showBytes(real));
  }

  it("holds what was pushed well-formed, and shows it in protobuf, as the embedded one does", async () => {
    await fc.assert(fc.asyncProperty(pushesOf(wellFormed), expectSameBytes), { numRuns: 100 });
  });

  // The embedded one follows the newest; those before 1.6.0 take some of these for whole.
  if (kind.isOld) return;

  it("refuses and takes malformed pushes as the embedded one does", async () => {
    const bodies = fc.oneof(wellFormed, { arbitrary: malformed, weight: 3 });
    const pushes = pushesOf(bodies.filter((body) => !isOutside(body)));
    await fc.assert(fc.asyncProperty(pushes, expectAgreement), { numRuns: 200, seed: 20_261_123 });
  });
});

interface Push {
  readonly method: string;
  readonly body: string;
}

function pushesOf(body: fc.Arbitrary<string>): fc.Arbitrary<Push[]> {
  const method = fc.constantFrom("PUT", "POST");
  return fc.array(fc.record({ method, body }), { minLength: 1, maxLength: 3 });
}

type ApiFamily = { readonly metrics: readonly { readonly value?: string }[] };

/** The status of a push, and what is there afterwards, times left out. */
async function pushTo(gateway: TestPushgateway | undefined, { method, body }: Push) {
  const url = gateway?.url ?? "";
  const { status } = await fetch(url + GROUP, { method, body });
  const page = await (await fetch(`${url}/metrics`)).text();
  const api = (await (await fetch(`${url}/api/v1/metrics`)).json()) as { data: object[] };
  const groups = api.data.map((group) => {
    return Object.fromEntries(
      Object.entries(group).map(([name, family]) => [name, withoutTimes(name, family)]),
    );
  });
  return { status, groups, page: page.split("\n").filter((line) => !OWN.test(line)) };
}

/** The protobuf messages of the page, the Pushgateway's own and the push times left out. */
async function showBytes(gateway: TestPushgateway | undefined): Promise<string[]> {
  const answer = await fetch(`${gateway?.url}/metrics`, { headers: { accept: PROTOBUF } });
  const families = splitFamilies(Buffer.from(await answer.arrayBuffer()));
  return families.filter(({ name }) => !OWN.test(name)).map(({ hex }) => hex);
}

/** The messages of a page, each behind its length; a family's name comes first in it. */
function splitFamilies(page: Buffer): { name: string; hex: string }[] {
  const families = [];
  const cursor = { bytes: page, at: 0, end: page.length };
  while (cursor.at < page.length) {
    const end = readLength(cursor) + cursor.at;
    const message = page.subarray(cursor.at, end);
    const name = message.toString("utf8", 2, 2 + (message[1] ?? 0));
    families.push({ name, hex: message.toString("hex") });
    cursor.at = end;
  }
  return families;
}

function withoutTimes(name: string, family: ApiFamily): unknown {
  if (/^push_(failure_)?time_seconds$/.test(name)) return family.metrics[0]?.value !== "0";
  return typeof family === "object" ? { ...family, time_stamp: undefined } : family;
}
