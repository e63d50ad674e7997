import fc from "fast-check";
import { expect, it } from "vitest";
import { bodyBytes, MAX_BODY_BYTES } from "../../lib/http/answer-size.ts";
import { fromResponse, text } from "../../lib/http/response.ts";

/** What Lambda refuses is one byte more. */
const MAX_RESULT_BYTES = 6_291_556;

const resultBytes = (body: string) =>
  Buffer.byteLength(JSON.stringify(fromResponse(text(body, "text/plain"))));

it("is what the body adds to the result, quotes, line ends and other alphabets included", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (body) => {
      expect(bodyBytes(body) - bodyBytes("")).toBe(resultBytes(body) - resultBytes(""));
    }),
  );
});

it("leaves room in Lambda's answer for headers and 60 KB of a body", () => {
  const line = 'a_total{a="é"} 1\n';
  const lines = Math.floor(MAX_BODY_BYTES / (bodyBytes(line) - 2));
  const body = line.repeat(lines);
  expect(bodyBytes(body)).toBeLessThanOrEqual(MAX_BODY_BYTES);
  expect(resultBytes(body)).toBeLessThan(MAX_RESULT_BYTES - 60_000);
  expect(body.length).toBeLessThan(MAX_BODY_BYTES * 0.9);
});
