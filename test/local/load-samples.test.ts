import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadSamples } from "../../local/load-samples.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import type { TradeStore } from "../../lib/trades/trade-store.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** A store that only takes trades, and stops the load after so many calls. */
function store(stopAfter = Infinity) {
  const ids = new Set<string>();
  const stop = new AbortController();
  let calls = 0;
  const recordTrades = async (trades: readonly Trade[]) => {
    for (const trade of trades) ids.add(`${trade.symbol} ${trade.trade_id}`);
    calls += 1;
    if (calls === stopAfter) stop.abort();
    return { recorded: trades.length, duplicates: 0, conflicts: [], capacityUnits: 0 };
  };
  return {
    store: { recordTrades } as unknown as TradeStore,
    isWanted: Promise.resolve(true),
    ids,
    signal: stop.signal,
    calls: () => calls,
  };
}

const now = new Date("2026-11-22T00:00:30Z");

describe("loading sample trades", () => {
  it("loads a day of them once, dated the day before", async () => {
    const notePath = join(tempFolder(), "deep", "samples.json");
    const first = store();
    expect(await loadSamples({ ...first, database: "local", notePath, now })).toBe("2026-11-21");
    expect(first.ids.size).toBe(20_000);
    const later = store();
    const options = { ...later, database: "local", notePath, now: new Date("2027-01-01") };
    expect(await loadSamples(options)).toBe("2026-11-21");
    expect(later.calls()).toBe(0);
  });

  it("finishes the same day after it was stopped, also on a later one", async () => {
    const notePath = join(tempFolder(), "samples.json");
    const stopped = store(2);
    await loadSamples({ ...stopped, database: "local", notePath, now });
    expect(stopped.ids.size).toBeLessThan(20_000);
    expect(JSON.parse(readFileSync(notePath, "utf8"))).toMatchObject({ isComplete: false });
    const next = store();
    const options = { ...next, database: "local", notePath, now: new Date("2027-01-01") };
    expect(await loadSamples(options)).toBe("2026-11-21");
    expect([...stopped.ids].every((id) => next.ids.has(id))).toBe(true);
    expect(next.ids.size).toBe(20_000);
  });

  it("does nothing in a database they do not belong in", async () => {
    const notePath = join(tempFolder(), "samples.json");
    const foreign = { ...store(), isWanted: Promise.resolve(false) };
    expect(
      await loadSamples({ ...foreign, database: "http://127.0.0.1:8001", notePath, now }),
    ).toBe(undefined);
    expect(foreign.calls()).toBe(0);
    expect(existsSync(notePath)).toBe(false);
  });

  it("begins anew in another database", async () => {
    const notePath = join(tempFolder(), "samples.json");
    await loadSamples({ ...store(), database: "local", notePath, now });
    const other = store();
    await loadSamples({ ...other, database: "http://127.0.0.1:8001", notePath, now });
    expect(other.ids.size).toBe(20_000);
  });
});
