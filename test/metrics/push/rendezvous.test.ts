import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choosePlace } from "../../../lib/metrics/push/rendezvous.ts";

const placesOf = (urls: readonly string[]) => urls.map((url) => ({ url }));
const urls = fc.uniqueArray(fc.webUrl(), { minLength: 1, maxLength: 8 });

describe("choosePlace", () => {
  it("gives the same place for the same key, in whatever order the places are listed", () => {
    const law = fc.property(urls, fc.uuid(), (urls, key) => {
      const chosen = choosePlace(placesOf(urls), key);
      expect(urls).toContain(chosen.url);
      expect(choosePlace(placesOf(urls.toReversed()), key)).toEqual(chosen);
    });
    fc.assert(law);
  });

  it("moves a key only to a place that was added", () => {
    const law = fc.property(urls, fc.webUrl(), fc.uuid(), (urls, added, key) => {
      const before = choosePlace(placesOf(urls), key).url;
      const after = choosePlace(placesOf([...urls, added]), key).url;
      expect([before, added]).toContain(after);
    });
    fc.assert(law);
  });

  it("moves only the keys of a place that was removed", () => {
    const law = fc.property(urls, fc.nat(7), fc.uuid(), (urls, index, key) => {
      const removed = urls[index % urls.length];
      const left = urls.filter((url) => url !== removed);
      const before = choosePlace(placesOf(urls), key).url;
      fc.pre(left.length > 0 && before !== removed);
      expect(choosePlace(placesOf(left), key).url).toBe(before);
    });
    fc.assert(law);
  });

  it("spreads keys evenly", () => {
    const places = placesOf(["http://a:9091", "http://b:9091", "http://c:9091", "http://d:9091"]);
    const counts = new Map<string, number>();
    for (let i = 0; i < 4_000; i += 1) {
      const { url } = choosePlace(places, randomUUID());
      counts.set(url, (counts.get(url) ?? 0) + 1);
    }
    // 1,000 each, give or take eight standard deviations.
    for (const { url } of places)
      expect(Math.abs((counts.get(url) ?? 0) - 1_000)).toBeLessThan(220);
  });

  it("refuses to choose from nothing", () => {
    expect(() => choosePlace([], "key")).toThrow(RangeError);
  });
});
