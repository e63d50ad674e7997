import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { formatBinanceLine, symbolOfFileName } from "../../local/binance.ts";
import { EXAMPLE_TRADE } from "../../local/example-trade.ts";
import { freePort, isAnswering } from "../../local/ports.ts";
import { dayBefore, makeSampleTrades } from "../../local/sample-trades.ts";
import type { StackFile } from "../../local/stack-file.ts";
import { AGGREGATION_PARTS, openAggregation } from "../../lib/aggregation.ts";
import { readConfig } from "../../lib/config/read-config.ts";
import { openDynamoDbLedger } from "../../lib/metrics/retire/dynamodb-ledger.ts";
import { retire } from "../../lib/metrics/retire/retire.ts";
import { canonicalDecimal } from "../../lib/trades/decimal.ts";
import {
  familyOf,
  run,
  START_TIMEOUT_MS,
  stillRunning,
  untilReady,
  type Run,
} from "../support/stack.ts";
import { openTestClient } from "../support/dynamodb.ts";
import { createTestLog } from "../support/log.ts";
import { needsKafka, openKafka } from "../support/kafka/broker.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** The default is too short for a machine that is busy with all the other tests. */
const PUSH_TIMEOUT_MS = 20_000;
const PATIENCE = { timeout: 120_000, interval: 100 };

/** Samples take most of a first start; a stack that is not about them begins without. */
function withoutSamples(localDir: string): void {
  const note = { database: "local", date: "2026-11-21", isComplete: true };
  writeFileSync(join(localDir, "sample-trades.json"), JSON.stringify(note));
}

async function startIn(localDir: string): Promise<{ stack: Run; note: StackFile; port: number }> {
  const port = await freePort();
  const stack = run("start", {
    LOCAL_DIR: localDir,
    PORT: String(port),
    METRICS_PUSH_TIMEOUT_MS: String(PUSH_TIMEOUT_MS),
  });
  return { stack, note: await untilReady(stack, localDir), port };
}

function portsOf({ servers }: StackFile): number[] {
  const kafka = `tcp://${servers?.kafka}`;
  return [servers?.url, servers?.dynamodb, servers?.pushgateway, kafka].map((url) =>
    Number(new URL(url ?? "").port),
  );
}

interface Page {
  readonly count: number;
  readonly trades: readonly {
    readonly trade_id: string;
    readonly price: string;
    readonly quantity: string;
  }[];
  readonly next_cursor: string | null;
}

async function getJson<Body>(url: string): Promise<Body> {
  const response = await fetch(url);
  expect([url, response.status]).toEqual([url, 200]);
  return (await response.json()) as Body;
}

describe("a stack started for the first time", () => {
  let localDir: string;
  let stack: Run;
  let url: string;

  beforeAll(async () => {
    localDir = mkdtempSync(join(tmpdir(), "k2-trades-"));
    const started = await startIn(localDir);
    stack = started.stack;
    url = started.note.servers?.url ?? "";
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    stack.process.kill("SIGTERM");
    await stack.ended;
    rmSync(localDir, { recursive: true, force: true });
  }, START_TIMEOUT_MS);

  it("says what to try, and each of it answers", async () => {
    const urls = [...stack.output().matchAll(/^ {2}curl "?(http[^"\s]+)/gm)].map(
      ([, found]) => found ?? "",
    );
    expect(urls).toHaveLength(4);
    const bodies: string[] = [];
    for (const tried of urls) bodies.push(await (await fetch(tried)).text());
    expect(JSON.parse(bodies[0] ?? "")).toMatchObject({ count: 10 });
    expect(JSON.parse(bodies[1] ?? "")).toMatchObject({ symbol: "BTCUSDT", trade_count: 6_000 });
    expect(bodies[2]).toContain("# TYPE api_requests_total counter");
  });

  it(
    "publishes the trade it says to, stores it, serves it, and counts it once",
    async () => {
      const [, body = "", target = ""] = /-d '(\{.+\})' (\S+)/.exec(stack.output()) ?? [];
      const headers = { "content-type": "application/json" };
      const posted = await fetch(target, { method: "POST", headers, body });
      expect([posted.status, await posted.json()]).toMatchObject([202, { count: 1 }]);
      const { symbol } = JSON.parse(body) as { symbol: string };
      const page = await vi.waitUntil(async () => {
        const found = await getJson<Page>(`${url}/trades?symbol=${symbol}`);
        return found.count > 0 && found;
      }, PATIENCE);
      expect(page.trades).toMatchObject([
        JSON.parse(body.replaceAll(/"(price|quantity)":"[^"]+",?/g, "")),
      ]);
      // It is stored a moment before the function that stored it has ended, and counted it.
      const counts = await vi.waitUntil(async () => {
        const found = kafkaCounts(await (await fetch(`${url}/metrics`)).text());
        return found.consumed > 0 && found;
      }, PATIENCE);
      expect(counts).toEqual({ produced: 1, consumed: 1 });
    },
    2 * START_TIMEOUT_MS,
  );

  it("has a day of sample trades of each symbol, and no other", async () => {
    const { symbols } = await getJson<{ symbols: { symbol: string; trade_count: number }[] }>(
      `${url}/symbols`,
    );
    const samples = Map.groupBy(makeSampleTrades({ date: "2026-11-21" }), (trade) => trade.symbol);
    const found = symbols.filter(({ symbol }) => samples.has(symbol));
    expect(
      Object.fromEntries(found.map(({ symbol, trade_count }) => [symbol, trade_count])),
    ).toEqual(Object.fromEntries([...samples].map(([symbol, trades]) => [symbol, trades.length])));
  });

  it(
    "takes a file and gives back every trade of it once, digit by digit",
    async () => {
      const file = process.env["TRADES_FILE"] ?? writeTrades(tempFolder());
      const symbol = symbolOfFileName(basename(file));
      const load = run("load", { LOCAL_DIR: localDir }, [file]);
      expect(await load.ended).toMatchObject({ code: 0 });
      const inFile = readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .map((line) => line.split(","))
        .map(([id = "", price = "", quantity = ""]) =>
          [id, canonicalDecimal(price), canonicalDecimal(quantity)].join(),
        )
        .reverse();
      const samplesBegin = `${dayBefore(new Date())}T00:00:00Z`;
      const served: string[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const after = cursor === "" ? "" : `&cursor=${cursor}`;
        const page: Page = await getJson(
          `${url}/trades?symbol=${symbol}&end_time=${samplesBegin}&limit=700${after}`,
        );
        served.push(
          ...page.trades.map(({ trade_id, price, quantity }) => [trade_id, price, quantity].join()),
        );
        cursor = page.next_cursor;
      }
      expect(served).toEqual(inFile);
    },
    START_TIMEOUT_MS,
  );

  it(
    "changes nothing when the same file is loaded again",
    async () => {
      const file = writeTrades(tempFolder(), "BNBUSDT");
      await run("load", { LOCAL_DIR: localDir }, [file]).ended;
      const again = await run("load", { LOCAL_DIR: localDir }, [file]).ended;
      expect(again).toMatchObject({ code: 0 });
      expect(again.output).toMatch(
        /recorded 0, duplicates 600, conflicts 0, bad lines 0;.* Nothing changed\./,
      );
    },
    START_TIMEOUT_MS,
  );

  it(
    "counts exactly 1,000 of 1,000 requests sent 50 at once, each under its labels",
    async () => {
      const { asked, counted } = await sendUntilCounted(url, 1_000, 50);
      expect(counted).toEqual(asked);
    },
    2 * START_TIMEOUT_MS,
  );

  it(
    "has traffic sent to it, all of it answered as expected",
    async () => {
      const traffic = run("traffic", { LOCAL_DIR: localDir }, [
        "--requests",
        "60",
        "--rate",
        "100",
        "--mix",
        "list,symbol,page,symbols,summary,publish,health,errors",
      ]);
      const end = await traffic.ended;
      expect(end).toMatchObject({ code: 0 });
      expect(end.output).toMatch(/60 answers .* 0 not as expected/);
    },
    START_TIMEOUT_MS,
  );

  it(
    "is told of, and not started twice, by a second start in the folder",
    async () => {
      const second = run("start", { LOCAL_DIR: localDir, PORT: String(await freePort()) });
      expect(await second.ended).toEqual({
        code: 1,
        output:
          `"npm start" already runs here at ${url} (process ${stack.process.pid}). ` +
          "End it first, or give another LOCAL_DIR.\n",
      });
    },
    START_TIMEOUT_MS,
  );
});

describe("a stack", () => {
  it(
    "ends at Ctrl-C with every process it started, and its ports are free",
    async () => {
      const localDir = tempFolder();
      withoutSamples(localDir);
      const { stack, note, port } = await startIn(localDir);
      const family = familyOf(note.pid);
      expect(family.length).toBeGreaterThan(3);
      stack.process.kill("SIGINT");
      expect(await stack.ended).toMatchObject({ code: 0 });
      expect(stillRunning(family)).toEqual([]);
      for (const used of [port, ...portsOf(note)]) expect(await isAnswering(used)).toBe(false);
    },
    START_TIMEOUT_MS + 30_000,
  );

  it(
    "keeps its trades over a kill, which leaves no process behind",
    async () => {
      const localDir = tempFolder();
      withoutSamples(localDir);
      const file = writeTrades(tempFolder());
      const first = await startIn(localDir);
      const family = familyOf(first.note.pid);
      expect(await run("load", { LOCAL_DIR: localDir }, [file]).ended).toMatchObject({ code: 0 });
      first.stack.process.kill("SIGKILL");
      await first.stack.ended;
      await vi.waitUntil(() => stillRunning(family).length === 0, PATIENCE);
      const second = await startIn(localDir);
      onTestFinished(async () => {
        second.stack.process.kill("SIGTERM");
        await second.stack.ended;
      });
      const { symbols } = await getJson<{ symbols: { symbol: string; trade_count: number }[] }>(
        `${second.note.servers?.url}/symbols`,
      );
      expect(symbols).toMatchObject([{ symbol: "LTCUSDT", trade_count: 600 }]);
    },
    2 * START_TIMEOUT_MS,
  );

  it(
    "keeps every count over an end and a start, though its Pushgateway has another port",
    async () => {
      const localDir = tempFolder();
      withoutSamples(localDir);
      const first = await startIn(localDir);
      const { asked, counted } = await sendUntilCounted(first.note.servers?.url ?? "", 80, 8);
      expect(counted).toEqual(asked);
      await retireOnce(first.note);
      expect(await requestCounts(first.note.servers?.url ?? "")).toMatchObject(asked);
      first.stack.process.kill("SIGINT");
      expect(await first.stack.ended).toMatchObject({ code: 0 });
      const second = await startIn(localDir);
      onTestFinished(async () => {
        second.stack.process.kill("SIGTERM");
        await second.stack.ended;
      });
      const url = second.note.servers?.url ?? "";
      expect(second.note.servers?.pushgateway).not.toBe(first.note.servers?.pushgateway);
      expect(await requestCounts(url)).toMatchObject(asked);
      const again = await sendUntilCounted(url, 80, 8);
      expect(again.counted).toEqual(again.asked);
    },
    3 * START_TIMEOUT_MS,
  );

  it(
    "comes down with the last words of a part that dies",
    async () => {
      const localDir = tempFolder();
      withoutSamples(localDir);
      const { stack, note } = await startIn(localDir);
      const family = familyOf(note.pid);
      const [database = 0] = stillRunning(family)
        .filter((line) => line.includes("run-dynamodb.ts") && !line.includes("/bin/sh"))
        .map((line) => Number.parseInt(line, 10));
      process.kill(database, "SIGKILL");
      const { code, output } = await stack.ended;
      expect(code).toBe(1);
      expect(output).toMatch(
        /the database ended by itself \(exit code 137\); its log is .*dynamodb\.log/,
      );
      expect(stillRunning(family)).toEqual([]);
    },
    START_TIMEOUT_MS + 30_000,
  );

  describe("with brokers that are given", () => {
    needsKafka();

    it(
      "publishes to them and consumes from them, and makes the topics that it needs",
      async () => {
        const localDir = tempFolder();
        withoutSamples(localDir);
        const broker = await openKafka();
        onTestFinished(() => broker.close());
        const suffix = randomUUID();
        const port = await freePort();
        const stack = run("start", {
          LOCAL_DIR: localDir,
          PORT: String(port),
          KAFKA_BROKERS: broker.addresses,
          KAFKA_TRADES_TOPIC: `trades-${suffix}`,
          KAFKA_DEAD_LETTER_TOPIC: `dead-letters-${suffix}`,
        });
        onTestFinished(async () => {
          stack.process.kill("SIGTERM");
          await stack.ended;
        });
        const { servers } = await untilReady(stack, localDir);
        expect(stack.output()).toContain(`${broker.addresses}  KAFKA_BROKERS`);
        const posted = await fetch(`${servers?.url}/trades`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(EXAMPLE_TRADE),
        });
        expect(posted.status).toBe(202);
        await vi.waitUntil(
          async () => (await getJson<Page>(`${servers?.url}/trades?symbol=DEMO`)).count === 1,
          PATIENCE,
        );
        const ends = await broker.endOffsets(`trades-${suffix}`);
        expect(ends.reduce((sum, offset) => sum + offset, 0)).toBe(1);
        expect(await broker.endOffsets(`dead-letters-${suffix}`)).toEqual([0]);
      },
      2 * START_TIMEOUT_MS,
    );
  });

  it(
    "does not start with brokers that don't answer, and says so in a line",
    async () => {
      const localDir = tempFolder();
      const [port, kafka] = [await freePort(), `127.0.0.1:${await freePort()}`];
      const variables = { LOCAL_DIR: localDir, PORT: String(port), KAFKA_BROKERS: kafka };
      const { code, output } = await run("start", variables).ended;
      expect(code).toBe(1);
      expect(output).toContain(`Kafka at ${kafka} can't be used: connect ECONNREFUSED ${kafka}`);
    },
    START_TIMEOUT_MS,
  );

  it.each([
    [
      "in use",
      async () => String(await usedPort()),
      /^Port \d+ is in use\. End what listens there, or choose another: PORT=8001 npm start\n$/,
    ],
    [
      "not a port",
      async () => "http",
      /^PORT: expected a number from 1 to 65535, got "http"\nSee: npm start -- --help\n$/,
    ],
  ])(
    "does not start on a port that is %s, and says so in a line",
    async (_fact, port, message) => {
      const localDir = tempFolder();
      const stack = run("start", { LOCAL_DIR: localDir, PORT: await port() });
      const { code, output } = await stack.ended;
      expect(code).toBe(1);
      expect(output).toMatch(message);
    },
    START_TIMEOUT_MS,
  );
});

/** What the schedule does once a minute; from then on the ledger knows the stack's Pushgateway. */
async function retireOnce({ servers }: StackFile): Promise<void> {
  const config = readConfig(AGGREGATION_PARTS, { PUSHGATEWAY_URL: servers?.pushgateway });
  const client = openTestClient(servers?.dynamodb ?? "");
  const ledger = openDynamoDbLedger({
    client,
    table: servers?.table ?? "",
    service: config.own.service,
    stage: config.own.stage,
  });
  const { log } = createTestLog();
  const aggregation = { ...openAggregation(config), ledger };
  await retire({ ...aggregation, log, nowMs: Date.now, timeoutMs: PATIENCE.timeout });
  expect((await ledger.readBase()).pushgateways).toMatchObject([{ url: servers?.pushgateway }]);
  client.destroy();
}

/** A port that this test listens on. */
async function usedPort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

/** A dump of 600 trades, many of which share a moment. */
function writeTrades(folder: string, symbol = "LTCUSDT"): string {
  const trades = makeSampleTrades({ date: "2021-03-01", count: 2_000 }).filter(
    (trade) => trade.symbol === "BTCUSDT",
  );
  const path = join(folder, `${symbol}-trades-2021-03-01.csv`);
  writeFileSync(path, `${trades.map(formatBinanceLine).join("\n")}\n`);
  return path;
}

const ROUTES = [
  ["/trades?limit=5", "/trades", "list-trades", 200],
  ["/trades?symbol=BTCUSDT&limit=5", "/trades", "list-trades", 200],
  ["/trades?limit=0", "/trades", "list-trades", 400],
  ["/symbols", "/symbols", "list-symbols", 200],
  ["/summary/BTCUSDT/2009-01-03", "/summary/{symbol}/{date}", "summarize-day", 404],
  ["/health", "/health", "check-health", 200],
  ["/", "/", "show-index", 200],
  ["/nowhere", "unmatched", "answer-unknown", 404],
] as const;

/** Sends so many requests over all routes; answers what `/metrics` has to say of them. */
async function send(
  url: string,
  requests: number,
  concurrency: number,
): Promise<Record<string, number>> {
  const expected: Record<string, number> = {};
  let sent = 0;
  const sender = async () => {
    while (sent < requests) {
      const [path, endpoint, component, status] = ROUTES[sent % ROUTES.length] ?? ROUTES[0];
      sent += 1;
      const key = [component, endpoint, "GET", status].join(" ");
      expected[key] = (expected[key] ?? 0) + 1;
      const response = await fetch(url + path);
      await response.arrayBuffer();
      expect([path, response.status]).toEqual([path, status]);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sender));
  return expected;
}

/**
 * Sends so many requests, and a few more until the page has counted each: a push that failed is made
 * good by its function's next invocation. Both are of what was sent here, by the same labels.
 */
async function sendUntilCounted(url: string, requests: number, concurrency: number) {
  const before = await requestCounts(url);
  const asked = await send(url, requests, concurrency);
  const deadline = performance.now() + PATIENCE.timeout;
  for (;;) {
    const counted = since(before, await requestCounts(url));
    if (isDeepStrictEqual(counted, asked) || performance.now() > deadline) {
      return { asked, counted };
    }
    for (const [labels, more] of Object.entries(await send(url, ROUTES.length, 1))) {
      asked[labels] = (asked[labels] ?? 0) + more;
    }
  }
}

function since(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  const counts = Object.entries(after)
    .map(([labels, count]) => [labels, count - (before[labels] ?? 0)] as const)
    // The page that was read before is itself a request, counted after it.
    .filter(([labels, count]) => count !== 0 && !labels.includes("/metrics"));
  return Object.fromEntries(counts);
}

/** Messages of the trades topic, as `/metrics` has them. */
function kafkaCounts(page: string): { produced: number; consumed: number } {
  const valueOf = (name: string) =>
    Number(new RegExp(`^${name}\\{[^}]*topic="trades"\\} (\\d+)$`, "m").exec(page)?.[1]);
  return {
    produced: valueOf("kafka_messages_produced_total"),
    consumed: valueOf("kafka_messages_consumed_total"),
  };
}

/** `api_requests_total` as `/metrics` has it, by the labels that `send` uses. */
async function requestCounts(url: string): Promise<Record<string, number>> {
  // It is refused while something that it is made of can't be read.
  const page = await vi.waitUntil(async () => {
    const answer = await fetch(`${url}/metrics`);
    return answer.ok && answer.text();
  }, PATIENCE);
  const counts: Record<string, number> = {};
  for (const [, labels = "", value] of page.matchAll(/^api_requests_total\{(.*)\} (\d+)$/gm)) {
    const set = Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, text]) => [name, text]),
    );
    expect(set).toMatchObject({ service: "k2-trades", environment: "dev", instance: "" });
    counts[[set["component"], set["endpoint"], set["method"], set["status_code"]].join(" ")] =
      Number(value);
  }
  return counts;
}
