import { once } from "node:events";
import {
  type DynamoDBClient,
  ProvisionedThroughputExceededException,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { consumeBatch, type ConsumeOptions } from "../../lib/trades/consume-batch.ts";
import type { KafkaEvent } from "../../lib/trades/kafka-event.ts";
import { openTradeStore, type TradeStore } from "../../lib/trades/trade-store.ts";
import { parseTradesQuery } from "../../lib/trades/trades-query.ts";
import type { TopicRecord } from "../../lib/trades/topic-record.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { kafkaEvent, type PlacedRecord, recordOf, textRecord } from "../support/kafka/event.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

let database: TestDynamoDB;
beforeAll(async () => {
  database = await startTestDynamoDB();
});
afterAll(() => database.close());

let symbols = 0;
const freshSymbol = () => `SYMBOL${(symbols += 1)}`;

function openStore(client: DynamoDBClient = database.client): TradeStore {
  return openTradeStore({
    client,
    table: database.table,
    ttlDays: 0,
    shards: new Map(),
    recentShards: 2,
    pause: () => Promise.resolve(),
  });
}

/** A client that does something else in place of some commands. */
function instead(
  act: (command: object, send: () => Promise<unknown>) => Promise<unknown>,
): DynamoDBClient {
  return new Proxy(database.client, {
    get(target, property) {
      if (property !== "send") return Reflect.get(target, property) as unknown;
      return (command: Parameters<DynamoDBClient["send"]>[0]) =>
        act(command, () => target.send(command));
    },
  });
}

function consume(event: KafkaEvent, options: Partial<ConsumeOptions> = {}) {
  return consumeBatch(event, {
    store: openStore(),
    sendDeadLetters: () => Promise.resolve(),
    workMs: 60_000,
    limitMs: 120_000,
    now: 1_800_000_000_000_000,
    ...options,
  });
}

const partitioned = (trades: readonly Trade[], partition: number): PlacedRecord[] =>
  trades.map((trade) => ({ ...recordOf(trade), partition }));

async function idsOf(symbol: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = { symbol, limit: "1000", ...(cursor === undefined ? {} : { cursor }) };
    const { trades, nextCursor } = await openStore().listTrades(parseTradesQuery(page));
    ids.push(...trades.map(({ trade_id }) => trade_id));
    cursor = nextCursor;
  } while (cursor !== undefined);
  return ids.sort((a, b) => Number(a) - Number(b));
}

const idsFrom = (trades: readonly Trade[]) => trades.map(({ trade_id }) => trade_id);

describe("a batch of records", () => {
  it("is stored, of every partition, and leaves nothing to deliver again", async () => {
    const [a, b] = [freshSymbol(), freshSymbol()];
    const runs = [a, b].map((symbol) => tradeRun({ symbol, count: 30 }));
    const event = kafkaEvent(runs.flatMap((run, partition) => partitioned(run, partition)));
    const { response, released, retries } = await consume(event);
    expect(response).toEqual({ batchItemFailures: [] });
    expect(released).toHaveLength(60);
    expect(retries).toEqual([]);
    expect(await idsOf(a)).toEqual(idsFrom(runs[0]!));
    expect(await idsOf(b)).toEqual(idsFrom(runs[1]!));
  });

  it("makes what is poison a dead letter with its reason, and stores all else", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 4 });
    const letters: TopicRecord[] = [];
    const [first, ...rest] = partitioned(run, 0);
    const records = [first!, textRecord("{"), ...rest, { key: null, value: null, headers: {} }];
    const { response, released } = await consume(kafkaEvent(records), {
      sendDeadLetters: async (sent) => void letters.push(...sent),
    });
    expect(response.batchItemFailures).toEqual([]);
    expect(released.map(({ poison }) => poison?.reason)).toEqual([
      undefined,
      "not_json",
      undefined,
      undefined,
      undefined,
      "tombstone",
    ]);
    expect(letters.map(({ headers }) => headers["origin-offset"])).toEqual(["1", "5"]);
    expect(await idsOf(symbol)).toEqual(idsFrom(run));
  });

  it("makes a trade that contradicts a recorded one a dead letter; the first in the log wins", async () => {
    const symbol = freshSymbol();
    const letters: TopicRecord[] = [];
    const records = ["1", "2", "1"].map((price) => recordOf(tradeOf({ symbol, price })));
    const { response, released } = await consume(kafkaEvent(records), {
      sendDeadLetters: async (sent) => void letters.push(...sent),
    });
    expect(response.batchItemFailures).toEqual([]);
    expect(released.map(({ poison }) => poison?.reason)).toEqual([
      undefined,
      "conflict",
      undefined,
    ]);
    expect(
      letters.map(({ headers }) => [headers["origin-offset"], headers["dead-letter-detail"]]),
    ).toEqual([["1", "another trade is recorded under this identity; it differs in price"]]);
  });

  it("comes again from the first poison of each partition whose dead letter can't be sent", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 3 });
    const [a, b, c] = partitioned(run, 0);
    const records = [a!, textRecord("{"), b!, textRecord("["), { ...c!, partition: 1 }];
    const event = kafkaEvent(records, { startOffset: 10 });
    const failed = await consume(event, {
      sendDeadLetters: () => Promise.reject(new Error("no broker")),
    });
    expect(failed.response).toEqual({
      batchItemFailures: [{ itemIdentifier: { partition: "trades-0", offset: 11 } }],
    });
    expect(failed.retries.map(({ reason }) => reason)).toEqual(["dead_letter"]);
    expect(failed.released.map(({ record: { source, offset } }) => `${source}:${offset}`)).toEqual([
      "trades-0:10",
      "trades-1:10",
    ]);
    expect(await idsOf(symbol)).toEqual(idsFrom(run));
    const again = await consume(event);
    expect(again.response.batchItemFailures).toEqual([]);
    expect(await idsOf(symbol)).toEqual(idsFrom(run));
  });

  it("comes again where DynamoDB refuses for load, and only there", async () => {
    const [good, busy] = [freshSymbol(), freshSymbol()];
    const client = instead(async (command, send) => {
      const isBusy =
        command instanceof PutItemCommand && JSON.stringify(command.input).includes(`W#${busy}`);
      if (!isBusy) return send();
      throw new ProvisionedThroughputExceededException({ message: "slow down", $metadata: {} });
    });
    const runs = [good, busy].map((symbol) => tradeRun({ symbol, count: 5 }));
    const [ofGood = [], ofBusy = []] = runs.map((run, partition) => partitioned(run, partition));
    const event = kafkaEvent([textRecord("{"), ...ofGood, ...ofBusy]);
    const batch = await consume(event, { store: openStore(client) });
    expect(batch.response).toEqual({
      batchItemFailures: [{ itemIdentifier: { partition: "trades-1", offset: 0 } }],
    });
    expect(batch.retries).toMatchObject([{ reason: "throttled" }]);
    expect(await idsOf(good)).toEqual(idsFrom(runs[0]!));
    expect(await idsOf(busy)).toEqual([]);
    expect((await consume(event)).response.batchItemFailures).toEqual([]);
    expect(await idsOf(busy)).toEqual(idsFrom(runs[1]!));
  });

  it("is not held up by one symbol that fails, nor are others of its partition lost", async () => {
    const [broken, fine] = [freshSymbol(), freshSymbol()];
    const client = instead(async (command, send) => {
      if (JSON.stringify((command as PutItemCommand).input).includes(`W#${broken}`))
        throw new Error("broken");
      return send();
    });
    const records = [fine, broken, fine, fine].map((symbol, i) =>
      recordOf(tradeOf({ symbol, trade_id: String(i) })),
    );
    const event = kafkaEvent(records);
    const batch = await consume(event, { store: openStore(client) });
    expect(batch.response.batchItemFailures).toEqual([
      { itemIdentifier: { partition: "trades-0", offset: 1 } },
    ]);
    expect(batch.retries).toMatchObject([{ reason: "unavailable" }]);
    expect(batch.released).toHaveLength(1);
    expect(await idsOf(fine)).toEqual(["0", "2", "3"]);
  });

  it("is answered in its time though DynamoDB hangs, with all that is not done to come again", async () => {
    const symbol = freshSymbol();
    const event = kafkaEvent([...partitioned(tradeRun({ symbol, count: 3 }), 1), textRecord("{")]);
    const hanging = openStore(instead(() => new Promise(() => {})));
    const { response, released } = await consume(event, {
      store: hanging,
      workMs: 100,
      limitMs: 200,
    });
    expect(response.batchItemFailures).toEqual([
      { itemIdentifier: { partition: "trades-1", offset: 0 } },
    ]);
    expect(released).toMatchObject([{ record: { source: "trades-0" } }]);
  });

  it("begins no commit when its time is nearly over: what is stored stays, the rest comes again", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 2_500 });
    const event = kafkaEvent(partitioned(run, 0));
    let commits = 0;
    let signal: AbortSignal | undefined;
    const client = instead(async (command, send) => {
      const isCommit = command instanceof PutItemCommand && command.input.Item?.["j"] !== undefined;
      if (isCommit) commits += 1;
      // The first commit takes until the time is over.
      if (isCommit && signal?.aborted === false) await once(signal, "abort");
      return send();
    });
    const store = openStore(client);
    const { response, retries } = await consume(event, {
      store: {
        recordTrades: (trades, watch) => {
          signal = watch?.signal;
          return store.recordTrades(trades, watch);
        },
      },
      workMs: 5_000,
    });
    expect(commits).toBe(1);
    const stored = (await idsOf(symbol)).length;
    expect(stored).toBeGreaterThan(0);
    expect(stored).toBeLessThan(2_500);
    expect(response.batchItemFailures).toEqual([
      { itemIdentifier: { partition: "trades-0", offset: stored } },
    ]);
    expect(retries).toMatchObject([{ reason: "deadline" }]);
    expect((await consume(event)).response.batchItemFailures).toEqual([]);
    expect(await idsOf(symbol)).toEqual(idsFrom(run));
  });

  it("may hold what a file was loaded with before: nothing counts twice", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 60 });
    await openStore().recordTrades(run.slice(0, 40));
    const before = await openStore().summarizeDay(symbol, "2021-01-08");
    await consume(kafkaEvent(partitioned(run.slice(0, 40), 0)));
    expect((await openStore().summarizeDay(symbol, "2021-01-08")).summary).toEqual(before.summary);
    await consume(kafkaEvent(partitioned(run, 0)));
    const other = freshSymbol();
    await openStore().recordTrades(run.map((trade) => ({ ...trade, symbol: other })));
    const { summary } = await openStore().summarizeDay(symbol, "2021-01-08");
    const { summary: expected } = await openStore().summarizeDay(other, "2021-01-08");
    expect(summary).toEqual({ ...expected, symbol });
  });

  it("changes nothing however often it is delivered, in whatever order, with whatever failing", async () => {
    const deliveries = fc.record({
      // Which of 60 trades of two symbols each batch begins and ends with.
      cuts: fc.uniqueArray(fc.integer({ min: 1, max: 59 }), { minLength: 1, maxLength: 5 }),
      order: fc.infiniteStream(fc.nat()),
      fate: fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
    });
    await fc.assert(
      fc.asyncProperty(deliveries, async ({ cuts, order, fate }) => {
        const runs = [freshSymbol(), freshSymbol()].map((symbol) =>
          tradeRun({ symbol, count: 30, stepMs: 3_000_000 }),
        );
        const records = runs.flatMap((run, partition) => partitioned(run, partition));
        const whole = kafkaEvent(records).records;
        const mixed = [...Array(30).keys()].flatMap((i) =>
          Object.entries(whole).map(([source, all]) => ({ source, record: all[i]! })),
        );
        const bounds = [0, ...cuts.toSorted((a, b) => a - b), 60];
        const batches = bounds.slice(1).map((end, i) => mixed.slice(bounds[i], end));
        const twice = [...batches, ...batches]
          .map((batch) => ({ batch, at: order.next().value }))
          .sort((a, b) => a.at - b.at);
        const store = openStore(
          instead(async (_command, send) => {
            const what = fate.next().value;
            if (what < 0.04) throw new Error("crashed before");
            const answer = await send();
            if (what < 0.08) throw new Error("crashed after");
            return answer;
          }),
        );
        for (const { batch } of twice) await deliverUntilDone(batch, store);
        await Promise.all(
          runs.map(async (run) => {
            expect(await idsOf(run[0]!.symbol)).toEqual(idsFrom(run));
            await expectSameAsLoaded(run);
          }),
        );
      }),
      { numRuns: 10 },
    );
  }, 120_000);
});

/** As an event source mapping does: from the lowest failed offset of each partition on, again. */
async function deliverUntilDone(
  batch: readonly { source: string; record: KafkaEvent["records"][string][number] }[],
  store: TradeStore,
): Promise<void> {
  let left = batch;
  for (let tries = 1; left.length > 0; tries += 1) {
    const grouped = Object.groupBy(left, ({ source }) => source);
    const records = Object.fromEntries(
      Object.entries(grouped).map(([source, all = []]) => [
        source,
        all.map(({ record }) => record),
      ]),
    );
    const event = { eventSource: "aws:kafka", records };
    const { response } = await consume(event, {
      // Whatever failed all the time does so no more.
      store: tries < 50 ? store : openStore(),
    });
    const from = new Map(
      response.batchItemFailures.map(({ itemIdentifier: { partition, offset } }) => [
        partition,
        offset,
      ]),
    );
    left = left.filter(({ source, record }) => record.offset >= (from.get(source) ?? Infinity));
  }
}

/** The summaries are those of the same trades recorded once, in one go, under another symbol. */
async function expectSameAsLoaded(run: readonly Trade[]): Promise<void> {
  const other = freshSymbol();
  const symbol = run[0]!.symbol;
  await openStore().recordTrades(run.map((trade) => ({ ...trade, symbol: other })));
  for (const date of new Set(run.map(({ timestamp }) => timestamp.slice(0, 10)))) {
    const { summary } = await openStore().summarizeDay(symbol, date);
    const { summary: expected } = await openStore().summarizeDay(other, date);
    expect(summary).toEqual({ ...expected, symbol });
  }
}
