import { expect, it } from "vitest";
import { scrapeTimeoutMs } from "../lib/scrape-timeout.ts";

it.each([
  ["10", 29_000, 9_500],
  ["0.75", 29_000, 500],
  ["5.25", 29_000, 4_750],
  ["60", 29_000, 27_000],
  ["Infinity", 29_000, 27_000],
  [undefined, 29_000, 27_000],
  ["", 29_000, 27_000],
  ["soon", 29_000, 27_000],
  ["10", 8_000, 6_000],
  [undefined, 15_000, 13_000],
  ["0", 29_000, 500],
  ["-3", 29_000, 500],
  [undefined, 100, 500],
])(
  "a scraper that waits %j s, of an invocation with %i ms, gets %i ms",
  (header, left, expected) => {
    expect(scrapeTimeoutMs(header, left)).toBe(expected);
  },
);
