import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJson } from "../../lib/http/body.ts";
import { toRequest } from "../../lib/http/request.ts";
import { apiEvent } from "../support/api-event.ts";

const post = (body: string, contentType: string, isBase64Encoded = false) =>
  toRequest(
    apiEvent({ method: "POST", headers: { "Content-Type": contentType }, body, isBase64Encoded }),
  );

describe("readJson", () => {
  it.each(["application/json", "application/json; charset=utf-8", "Application/JSON"])(
    "takes %s",
    (contentType) => {
      expect(readJson(post("[1]", contentType), 10)).toEqual([1]);
    },
  );

  it.each(["", "text/plain", "application/jsonp", "text/json", "application/vnd.x+json"])(
    "refuses the media type %j",
    (type) => {
      expect(() => readJson(post("[1]", type), 10)).toThrow(
        expect.objectContaining({ code: "UNSUPPORTED_MEDIA_TYPE" }),
      );
    },
  );

  it("takes a body of exactly the limit and refuses one byte more", () => {
    expect(readJson(post('"é"', "application/json"), 4)).toBe("é");
    expect(() => readJson(post('"é"', "application/json"), 3)).toThrow(
      expect.objectContaining({
        code: "PAYLOAD_TOO_LARGE",
        detail: "The body has 4 bytes, expected at most 3.",
      }),
    );
  });

  it.each([
    ["", false],
    ["{", false],
    [Buffer.from([0x22, 0xff, 0x22]).toString("base64"), true],
  ])("refuses %j as not JSON", (body, isBase64) => {
    expect(() => readJson(post(body, "application/json", isBase64), 100)).toThrow(
      expect.objectContaining({
        code: "INVALID_REQUEST",
        faults: [{ pointer: "", detail: "expected a JSON document in UTF-8" }],
      }),
    );
  });

  it("reads back any JSON value, plain or base64", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (value, isBase64) => {
        const text = JSON.stringify(value);
        const sent = isBase64 ? Buffer.from(text).toString("base64") : text;
        expect(JSON.stringify(readJson(post(sent, "application/json", isBase64), 1e6))).toBe(text);
      }),
    );
  });
});
