import { describe, expect, it } from "vitest";
import { MAX_TRADES, parseTrades } from "../../lib/trades/parse-trades.ts";
import { UsageError } from "../../local/options.ts";
import { randomFrom } from "../../local/random.ts";
import {
  DEFAULT_MIX,
  drawVisit,
  formatMix,
  lookAround,
  parseMix,
  type VisitRequest,
} from "../../local/traffic-mix.ts";

const sights = { symbols: [{ symbol: "BTCUSDT", date: "2021-01-08" }] };

/** The requests of so many visits, each answered with a cursor. */
async function requestsOf(mix: string, visits: number): Promise<VisitRequest[]> {
  const random = randomFrom("visits");
  const requests: VisitRequest[] = [];
  const send = async (request: VisitRequest) => {
    requests.push(request);
    return { next_cursor: "abc" };
  };
  for (let visit = 0; visit < visits; visit += 1)
    await drawVisit(parseMix(mix), random)(send, sights);
  return requests;
}

describe("a mix", () => {
  it("is read as it is written", () => {
    expect(parseMix(formatMix(DEFAULT_MIX))).toEqual(DEFAULT_MIX);
    expect(parseMix("list, errors=3")).toEqual({ list: 1, errors: 3 });
  });

  it.each(["", "lists=1", "list=-1", "list=1.5", "list=0", "list=", "=3", "toString=1"])(
    "%j is refused",
    (text) => {
      expect(() => parseMix(text)).toThrow(UsageError);
    },
  );

  it("is drawn by its shares", async () => {
    const requests = await requestsOf("symbols=1,health=3,list=0", 4_000);
    const ofHealth = requests.filter((request) => request.route === "/health").length;
    expect(requests).toHaveLength(4_000);
    expect(ofHealth / 4_000).toBeCloseTo(0.75, 1);
    expect(requests.some((request) => request.route === "/trades")).toBe(false);
  });
});

describe("a visit", () => {
  it.each([
    ["list", /^\/trades\?limit=\d+$/, [200]],
    [
      "symbol",
      /^\/trades\?symbol=BTCUSDT&limit=\d+(&start_time=2021-01-08T\d\d%3A00%3A00Z)?$/,
      [200],
    ],
    ["page", /^\/trades\?symbol=BTCUSDT&limit=50(&cursor=abc)?$/, [200]],
    ["symbols", /^\/symbols$/, [200]],
    ["summary", /^\/summary\/BTCUSDT\/2021-01-08$/, [200]],
    ["publish", /^\/trades$/, [202]],
    ["health", /^\/health$/, [200]],
    ["errors", /^\//, [400, 404]],
  ])(
    "of kind %s asks for what it should, and knows what it is to get",
    async (kind, path, statuses) => {
      const requests = await requestsOf(kind, 50);
      for (const request of requests) {
        expect(request.path).toMatch(path);
        expect(request.expected.every((status) => statuses.includes(status))).toBe(true);
      }
    },
  );

  it("to publish posts trades that the API takes, each a new one", async () => {
    const posted = (await requestsOf("publish", 200)).flatMap(({ body }) => body as object);
    const parsed = parseTrades(posted.slice(0, MAX_TRADES), { now: 0 });
    expect(new Set(parsed.map(({ trade_id }) => trade_id)).size).toBe(MAX_TRADES);
  });

  it("to pages follows cursors, five pages at most", async () => {
    const requests = await requestsOf("page", 200);
    const visits = requests.filter((request) => !request.path.includes("cursor")).length;
    expect(visits).toBe(200);
    expect(requests.length).toBeGreaterThan(2 * visits);
    expect(requests.length).toBeLessThanOrEqual(5 * visits);
  });

  it("has something to ask for in an empty database too", async () => {
    const paths: string[] = [];
    await drawVisit({ symbol: 1 }, randomFrom("x"))(async ({ path }) => void paths.push(path), {
      symbols: [],
    });
    expect(paths[0]).toContain("symbol=");
  });
});

describe("looking around", () => {
  it("finds each symbol and the day of its last trade", async () => {
    const body = { symbols: [{ symbol: "BRK.B", last_trade_time: "2026-11-21T20:59:23.320768Z" }] };
    expect(await lookAround(async () => body)).toEqual({
      symbols: [{ symbol: "BRK.B", date: "2026-11-21" }],
    });
    expect(await lookAround(async () => undefined)).toBeUndefined();
  });
});
