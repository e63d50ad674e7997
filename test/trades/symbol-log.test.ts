import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { encodeJournal, type Journal } from "../../lib/trades/journal.ts";
import { idBlockKey, placeInBlock, timeOf } from "../../lib/trades/keys.ts";
import { prepareCommit } from "../../lib/trades/prepare-commit.ts";
import { applyJournal, commitJournal, readPosition } from "../../lib/trades/symbol-log.ts";
import { readFor, type SymbolState } from "../../lib/trades/symbol-state.ts";
import { openTable, type Table } from "../../lib/trades/table.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import { openTestClient, startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { expectStored, openTestStore, scan } from "../support/stored-trades.ts";
import { tradeRun } from "../support/trades.ts";

let database: TestDynamoDB;
beforeAll(async () => {
  database = await startTestDynamoDB();
});
afterAll(() => database.close());

let symbols = 0;
const freshSymbol = () => `LOGGED${(symbols += 1)}`;
const noPause = () => Promise.resolve();
const openLog = (client = database.client): Table =>
  openTable({ client, table: database.table, pause: noPause });
const oneShard = { shardsOf: () => Promise.resolve(1) };

/** A commit of these trades on top of what is stored now; not yet committed. */
async function prepare(table: Table, symbol: string, trades: readonly Trade[]) {
  const position = await readPosition(table, symbol, noPause);
  const empty: SymbolState = { symbol, position, blocks: position.openBlocks, days: new Map() };
  const state = await readFor(table, empty, trades);
  const options = { recentDays: oneShard, shards: 1, ttlDays: 0 };
  const { journal, next } = await prepareCommit(state, trades, options);
  const { openBlocks } = next.position;
  const encoded = encodeJournal(journal);
  return { journal, toCommit: { symbol, position, openBlocks, journal: encoded } };
}

/** Commits, and stops before anything of it is applied. */
async function commitOnly(symbol: string, trades: readonly Trade[], table = openLog()) {
  const { journal, toCommit } = await prepare(table, symbol, trades);
  return { ...(await commitJournal(table, toCommit)), journal };
}

async function commitAndApply(symbol: string, trades: readonly Trade[]): Promise<Journal> {
  const { isCommitted, journal } = await commitOnly(symbol, trades);
  expect(isCommitted).toBe(true);
  await applyJournal(openLog(), journal);
  return journal;
}

describe("where a log stands", () => {
  it("is version 0 without totals before the first commit", async () => {
    expect(await readPosition(openLog(), freshSymbol(), noPause)).toEqual({
      version: 0,
      tokens: [],
      totals: undefined,
      openBlocks: new Map(),
    });
  });

  it("says what the commits came to", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 6 });
    await commitAndApply(symbol, run.slice(0, 4));
    await commitAndApply(symbol, run.slice(4));
    const { version, tokens, totals, openBlocks } = await readPosition(openLog(), symbol, noPause);
    expect({ version, tokens: tokens.length }).toEqual({ version: 2, tokens: 2 });
    expect(totals).toMatchObject({ count: 6, exchanges: ["BINANCE"] });
    const block = new Map(run.map((trade) => [placeInBlock(trade.trade_id), timeOf(trade)]));
    expect(openBlocks).toEqual(new Map([[idBlockKey(run[0]!).pk, block]]));
  });

  it("leaves a commit to its own writer for a while, then applies it", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 5 });
    await commitOnly(symbol, run);
    const pauses: number[] = [];
    const { version, totals } = await readPosition(openLog(), symbol, async (ms) => {
      pauses.push(ms);
    });
    expect({ version, count: totals?.count }).toEqual({ version: 1, count: 5 });
    expect(pauses).toHaveLength(3);
    await expectStored(openTestStore(database), symbol, run);
  });

  it("is told at once when the writer was only slow", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 5 });
    const { journal } = await commitOnly(symbol, run);
    let pauses = 0;
    await readPosition(openLog(), symbol, async () => {
      pauses += 1;
      await applyJournal(openLog(), journal);
    });
    expect(pauses).toBe(1);
  });

  it("is given up after a stated number of reads when it can't come to rest", async () => {
    const symbol = freshSymbol();
    const pk = { S: `W#${symbol}` };
    // A head ahead of all that is applied, with nothing to apply.
    await openLog().batchPut([{ pk, sk: { S: "HEAD" }, v: { N: "3" } }]);
    await expect(readPosition(openLog(), symbol, noPause)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryAfterSeconds: 1,
    });
  });
});

describe("a commit", () => {
  it("on a position that another writer has moved from does nothing", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 6 });
    const [mine, theirs] = await Promise.all(
      [run.slice(0, 3), run.slice(3)].map((trades) => prepare(openLog(), symbol, trades)),
    );
    expect((await commitJournal(openLog(), theirs!.toCommit)).isCommitted).toBe(true);
    await applyJournal(openLog(), theirs!.journal);
    expect((await commitJournal(openLog(), mine!.toCommit)).isCommitted).toBe(false);
    await expectStored(openTestStore(database), symbol, run.slice(3));
  });

  // Its answer is lost, and before the client asks again so many others have committed.
  it.each([
    [0, true],
    [1, true],
    [7, true],
    // As many as it keeps tokens of: the batch is taken for new, and found to be stored.
    [8, false],
  ])("whose answer is lost, with %i others since, knows itself: %s", async (others, isKnown) => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 2 + others });
    const proxy = await startFaultyProxy({ target: database.endpoint });
    const client = openTestClient(proxy.url, 2);
    onTestFinished(async () => {
      client.destroy();
      await proxy.close();
    });
    const { journal, toCommit } = await prepare(openLog(client), symbol, run.slice(0, 2));
    proxy.inject({ type: "reset-after" });
    const underWay = Promise.withResolvers<void>();
    let tries = 0;
    // Inside the SDK's retries: the second try waits until the others are done.
    client.middlewareStack.add(
      (next) => async (args) => {
        tries += 1;
        if (tries === 2) {
          await applyJournal(openLog(), journal);
          for (let other = 0; other < others; other += 1)
            await commitAndApply(symbol, run.slice(2 + other, 3 + other));
          underWay.resolve();
        }
        return next(args);
      },
      { step: "finalizeRequest", priority: "low" },
    );
    const commit = await commitJournal(openLog(client), toCommit);
    await underWay.promise;
    expect(commit.isCommitted).toBe(isKnown);
    const store = openTestStore(database);
    expect(await store.recordTrades(run)).toMatchObject({ duplicates: 2 + others });
    await expectStored(store, symbol, run);
  });
});

describe("applying journals", () => {
  it("again, late and in any order changes nothing", async () => {
    const steps = fc.array(fc.nat(3), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 4, maxLength: 4 }), async (lateOnes) => {
        const symbol = freshSymbol();
        // Each commit adds to the same two days, and closes the block of ids that the last one opened.
        const run = tradeRun({ symbol, count: 16, stepMs: 8_000_000 }).map((trade, index) => ({
          ...trade,
          trade_id: String(index + (index % 2) * 512),
        }));
        const journals: Journal[] = [];
        for (const [at, late] of lateOnes.entries()) {
          const ofCommit = run.filter((_, index) => index % 4 === at);
          journals.push(await commitAndApply(symbol, ofCommit));
          for (const earlier of late) {
            const journal = journals[earlier];
            if (journal !== undefined) await applyJournal(openLog(), journal);
          }
        }
        const before = await itemsOf(symbol);
        for (const journal of journals) await applyJournal(openLog(), journal);
        expect(await itemsOf(symbol)).toEqual(before);
        await expectStored(openTestStore(database), symbol, run);
      }),
      { numRuns: 8 },
    );
  }, 60_000);

  async function itemsOf(symbol: string) {
    const prefixes = [`T#${symbol}#`, `I#BINANCE#${symbol}#`, `D#${symbol}`, `W#${symbol}`];
    const found = await Promise.all(prefixes.map((prefix) => scan(database, prefix)));
    return found
      .flat()
      .map((item) => JSON.stringify(item))
      .sort();
  }
});
