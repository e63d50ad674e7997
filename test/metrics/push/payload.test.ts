import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CLOSED,
  formatPayload,
  PAYLOAD_SAMPLES,
  PROTOCOL_FAMILIES,
  PUSH_SEQUENCE,
} from "../../../lib/metrics/push/payload.ts";
import { refuseDefinition } from "../../../lib/metrics/record/refusal.ts";
import { readExposition, sampleLines } from "../../support/exposition.ts";
import { checkMetrics, isPromtoolMissing } from "../../support/promtool.ts";

const orders = {
  name: "orders_total",
  text: '# HELP orders_total Orders.\n# TYPE orders_total counter\norders_total{a="1"} 2\norders_total{a="2"} 3\n',
  samples: 2,
};

describe("formatPayload", () => {
  it("is the families, then the protocol's own, the sample count last", () => {
    expect(formatPayload({ families: [orders], sequence: 7, isClosing: false })).toBe(
      [
        orders.text.trimEnd(),
        "# HELP metrics_push_sequence Number of this push in its incarnation.",
        "# TYPE metrics_push_sequence gauge",
        "metrics_push_sequence 7",
        "# HELP metrics_closed 1 when nothing more will be pushed here.",
        "# TYPE metrics_closed gauge",
        "metrics_closed 0",
        "# HELP metrics_payload_samples Samples before this one: shows that the body is whole.",
        "# TYPE metrics_payload_samples gauge",
        "metrics_payload_samples 4",
        "",
      ].join("\n"),
    );
  });

  it("differs in the closing mark alone when it is sent again as the last word", () => {
    const payload = { families: [orders], sequence: 7 };
    const open = formatPayload({ ...payload, isClosing: false });
    const closed = formatPayload({ ...payload, isClosing: true });
    expect(closed).toBe(open.replace("metrics_closed 0", "metrics_closed 1"));
  });

  it("counts the samples before the count, so that any cut shows", () => {
    const cut = fc.nat({ max: 100_000 });
    const law = fc.property(
      fc.array(fc.constant(orders), { maxLength: 1 }),
      cut,
      (families, at) => {
        const whole = formatPayload({ families, sequence: 1, isClosing: false });
        const lines = sampleLines(whole);
        expect(lines.get(PAYLOAD_SAMPLES)).toBe(String(lines.size - 1));
        const body = whole.slice(0, at % whole.length);
        // A Pushgateway takes only bodies that end in a line feed.
        const taken = body.slice(0, body.lastIndexOf("\n") + 1);
        expect(sampleLines(taken).has(PAYLOAD_SAMPLES)).toBe(false);
      },
    );
    fc.assert(law);
  });

  it("holds nothing but the protocol's own when there is nothing else to say", () => {
    const families = readExposition(formatPayload({ families: [], sequence: 1, isClosing: true }));
    expect(families.map(({ name }) => name)).toEqual([PUSH_SEQUENCE, CLOSED, PAYLOAD_SAMPLES]);
    expect(new Set(families.map(({ name }) => name))).toEqual(PROTOCOL_FAMILIES);
  });

  it.skipIf(isPromtoolMissing)("passes promtool", () => {
    const text = formatPayload({ families: [orders], sequence: 1, isClosing: false });
    expect(checkMetrics(text)).toEqual({ errors: [], lints: [] });
  });
});

describe("the protocol's families", () => {
  it.each([...PROTOCOL_FAMILIES])("%s can't be recorded by anyone else", (name) => {
    expect(refuseDefinition({ name, type: "gauge", help: "x." })?.reason).toBe("reserved_name");
  });
});
