import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  dayOf,
  dayOfTimestamp,
  endOfDay,
  formatDay,
  formatTimestamp,
  microsOf,
  parseDay,
  parseTimestamp,
} from "../../lib/trades/timestamp.ts";

const times = fc
  .bigInt({ min: 1_000_000_000_000_000n, max: 9_999_999_999_999_999n })
  .map((micros) => String(micros));

describe("parseTimestamp", () => {
  it.each([
    ["2021-01-08T00:00:00Z", "1610064000000000"],
    ["2021-01-08T00:00:00.2Z", "1610064000200000"],
    ["2021-01-08T00:00:00.278Z", "1610064000278000"],
    ["2021-01-08T00:00:00.278001Z", "1610064000278001"],
    ["2021-01-08T02:00:00.278001+02:00", "1610064000278001"],
    ["2021-01-07T19:00:00-05:00", "1610064000000000"],
    ["2021-01-08T00:00:00-00:00", "1610064000000000"],
    ["2024-02-29T12:00:00Z", "1709208000000000"],
    ["2001-09-09T01:46:40Z", "1000000000000000"],
    ["2286-11-20T17:46:39.999999Z", "9999999999999999"],
  ])("reads %s", (text, micros) => {
    expect(parseTimestamp(text)).toBe(micros);
  });

  it.each([
    ["no zone", "2021-01-08T00:00:00"],
    ["seven digits after the second", "2021-01-08T00:00:00.1234567Z"],
    ["nanoseconds", "2021-01-08T00:00:00.123456789Z"],
    ["a point without digits", "2021-01-08T00:00:00.Z"],
    ["a date alone", "2021-01-08"],
    ["a space for the T", "2021-01-08 00:00:00Z"],
    ["no seconds", "2021-01-08T00:00Z"],
    ["the 30th of February", "2021-02-30T00:00:00Z"],
    ["the 29th of February of a common year", "2100-02-29T00:00:00Z"],
    ["month 13", "2021-13-01T00:00:00Z"],
    ["day 0", "2021-01-00T00:00:00Z"],
    ["hour 24", "2021-01-08T24:00:00Z"],
    ["minute 60", "2021-01-08T00:60:00Z"],
    ["a leap second", "2016-12-31T23:59:60Z"],
    ["an offset of 24 hours", "2021-01-08T00:00:00+24:00"],
    ["an offset without a colon", "2021-01-08T00:00:00+0200"],
    ["before 16 digits", "2001-09-09T01:46:39.999999Z"],
    ["beyond 16 digits", "2286-11-20T17:46:40Z"],
    ["a number", "1610064000278000"],
    ["nothing", ""],
    ["a line break behind it", "2021-01-08T00:00:00Z\n"],
  ])("refuses %s", (_, text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it("reads back what formatTimestamp wrote", () => {
    fc.assert(
      fc.property(times, (time) => {
        const text = formatTimestamp(time);
        expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(parseTimestamp(text)).toBe(time);
        expect(microsOf(text)).toBe(time);
      }),
    );
  });

  it("agrees with Date on every millisecond and offset", () => {
    const offsets = fc
      .tuple(fc.constantFrom("+", "-"), fc.nat(23), fc.nat(59))
      .map(([sign, hours, minutes]) =>
        [sign, String(hours).padStart(2, "0"), ":", String(minutes).padStart(2, "0")].join(""),
      );
    const dates = fc.date({
      min: new Date("2002-01-01"),
      max: new Date("2286-01-01"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, offsets, (date, offset) => {
        const text = date.toISOString().replace("Z", offset);
        expect(parseTimestamp(text)).toBe(`${Date.parse(text)}000`);
      }),
    );
  });
});

it("sorts as text as the times do", () => {
  fc.assert(
    fc.property(times, times, (a, b) => {
      expect(a < b).toBe(formatTimestamp(a) < formatTimestamp(b));
    }),
  );
});

it("refuses to take a form that is not canonical for one", () => {
  expect(() => microsOf("2021-01-08T00:00:00Z")).toThrow("not a canonical timestamp");
  expect(() => microsOf("2021-01-08T00:00:00.1234567Z")).toThrow("not a canonical timestamp");
});

describe("days", () => {
  it.each([
    ["1610064000000000", "20210108"],
    ["1610150399999999", "20210108"],
    ["1610150400000000", "20210109"],
  ])("%s falls on %s", (time, day) => {
    expect(dayOf(time)).toBe(day);
    expect(dayOfTimestamp(formatTimestamp(time))).toBe(day);
  });

  it("end where the next one begins", () => {
    expect(endOfDay("20201231") > "1609459199999999#").toBe(true);
    expect(endOfDay("20201231") < "1609459200000000").toBe(true);
    fc.assert(
      fc.property(times, (time) => {
        expect(endOfDay(dayOf(time)) > `${time}#X`).toBe(true);
      }),
    );
  });

  it.each(["2021-02-29", "2021-1-8", "20210108", "2021-00-10", "0000-00-00", "", "2021-01-08T"])(
    "%s is none",
    (text) => {
      expect(parseDay(text)).toBeUndefined();
    },
  );

  it("are written as they were read", () => {
    expect(parseDay("2024-02-29")).toBe("20240229");
    expect(formatDay("20240229")).toBe("2024-02-29");
  });
});
