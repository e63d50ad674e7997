import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { followPushgateway } from "../../local/follow-pushgateway.ts";
import type { Ledger, PushgatewayState } from "../../lib/metrics/retire/ledger.ts";
import { createMemoryLedger } from "../support/memory-ledger.ts";
import { tempFolder } from "../support/temp-folder.ts";

const [FIRST, SECOND, THIRD] = [1, 2, 3].map((n) => `http://127.0.0.1:1500${n}`) as [
  string,
  string,
  string,
];

function state(url: string, partial: Partial<PushgatewayState> = {}): PushgatewayState {
  return {
    url,
    horizonSeconds: 0,
    offsetSeconds: 0,
    heldUntilSeconds: 0,
    tombstones: {},
    ...partial,
  };
}

/** A folder whose Pushgateway had the first URL, with the ledger that knows it. */
async function beginAt(...states: readonly PushgatewayState[]) {
  const ledger = createMemoryLedger();
  const notePath = join(tempFolder(), "deep", "urls.json");
  await followPushgateway({ ledger, database: "local", url: FIRST, notePath });
  await ledger.writeBase({ version: 1, totals: [], pushgateways: states });
  const follow = async (url: string, options: { database?: string; ledger?: Ledger } = {}) =>
    followPushgateway({ ledger, database: "local", url, notePath, ...options });
  return { ledger, follow };
}

describe("the ledger and the folder's Pushgateway", () => {
  it("writes nothing at the first start, of which there is nothing to say", async () => {
    const ledger = createMemoryLedger();
    const notePath = join(tempFolder(), "urls.json");
    await followPushgateway({ ledger, database: "local", url: FIRST, notePath });
    expect(ledger.base.version).toBe(0);
  });

  it("moves the horizon and the tombstones to the new URL, in one write", async () => {
    const known = { horizonSeconds: 70, offsetSeconds: 1, tombstones: { a: 60 } };
    const { ledger, follow } = await beginAt(state(FIRST, known));
    await follow(SECOND);
    expect(ledger.base).toEqual({ version: 2, totals: [], pushgateways: [state(SECOND, known)] });
    await follow(SECOND);
    expect(ledger.base.version).toBe(2);
  });

  it("leaves every other Pushgateway as it is", async () => {
    const other = state("http://elsewhere:9091", { horizonSeconds: 5 });
    const { ledger, follow } = await beginAt(other, state(FIRST));
    await follow(SECOND);
    expect(ledger.base.pushgateways).toEqual([other, state(SECOND)]);
  });

  it("joins what a run of the retirement wrote under the new URL meanwhile", async () => {
    const { ledger, follow } = await beginAt(
      state(FIRST, { horizonSeconds: 70, heldUntilSeconds: 9, tombstones: { a: 60, b: 61 } }),
      state(SECOND, { horizonSeconds: 50, tombstones: { c: 40 } }),
    );
    await follow(SECOND);
    expect(ledger.base.pushgateways).toEqual([
      state(SECOND, {
        horizonSeconds: 70,
        heldUntilSeconds: 9,
        tombstones: { a: 60, b: 61, c: 40 },
      }),
    ]);
  });

  it("tries again when it loses the write to another", async () => {
    const { ledger, follow } = await beginAt(state(FIRST));
    let losses = 2;
    const writeBase: Ledger["writeBase"] = async (base) =>
      (losses -= 1) < 0 && ledger.writeBase(base);
    await follow(SECOND, { ledger: { ...ledger, writeBase } });
    expect(ledger.base.pushgateways).toEqual([state(SECOND)]);
  });

  it("follows over a start that ended before or after it told the ledger", async () => {
    for (const isWritten of [false, true]) {
      const { ledger, follow } = await beginAt(state(FIRST, { horizonSeconds: 70 }));
      const writeBase: Ledger["writeBase"] = async (base) => {
        if (isWritten) await ledger.writeBase(base);
        throw new Error("ended here");
      };
      const ending = { ledger: { ...ledger, writeBase } };
      await expect(follow(SECOND, ending)).rejects.toThrow("ended here");
      await follow(THIRD);
      expect(ledger.base.pushgateways).toEqual([state(THIRD, { horizonSeconds: 70 })]);
    }
  });

  it("knows for each database which URL it was told last", async () => {
    const { ledger, follow } = await beginAt(state(FIRST));
    const elsewhere = createMemoryLedger();
    await follow(SECOND, { database: "http://elsewhere:8000", ledger: elsewhere });
    expect(elsewhere.base.version).toBe(0);
    await follow(THIRD);
    expect(ledger.base.pushgateways).toEqual([state(THIRD)]);
  });
});
