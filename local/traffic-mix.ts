/**
 * What visitors of the API do: each kind of visit is one request or a few that follow each other.
 */

import { EXAMPLE_TRADE, makeExampleTrade } from "./example-trade.ts";
import { UsageError } from "./options.ts";
import type { Random } from "./random.ts";

/** What there is to ask for. */
export interface Sights {
  /** Symbols and one UTC day, `YYYY-MM-DD`, on which each has trades. */
  readonly symbols: readonly { readonly symbol: string; readonly date: string }[];
}

/** One request of a visit. */
export interface VisitRequest {
  /** As the metrics name it: `/summary/{symbol}/{date}`; what is posted apart from it. */
  readonly route: string;
  /** With its query, after the base URL. */
  readonly path: string;
  /** Statuses that are right. */
  readonly expected: readonly number[];
  /** Posted as JSON; absent: a GET. */
  readonly body?: unknown;
}

/** Sends a request; answers its JSON body, or `undefined` when the traffic is over or it failed. */
export type Send = (request: VisitRequest) => Promise<unknown>;

type Visit = (send: Send, sights: Sights, random: Random) => Promise<void>;

/** Each kind with its usual share. */
const KINDS = {
  list: { share: 30, visit: visitList },
  symbol: { share: 30, visit: visitSymbol },
  page: { share: 15, visit: visitPages },
  symbols: { share: 10, visit: visitSymbols },
  summary: { share: 10, visit: visitSummary },
  publish: { share: 10, visit: visitPublish },
  health: { share: 2, visit: visitHealth },
  errors: { share: 3, visit: visitError },
} as const satisfies Record<string, { share: number; visit: Visit }>;

export type VisitKind = keyof typeof KINDS;

/** Shares of the kinds, in whatever unit; those absent are 0. */
export type Mix = Readonly<Partial<Record<VisitKind, number>>>;

export const DEFAULT_MIX: Mix = Object.fromEntries(
  Object.entries(KINDS).map(([kind, { share }]) => [kind, share]),
);

/** For help: `list=30,symbol=30,…`. */
export function formatMix(mix: Mix): string {
  return Object.entries(mix)
    .map(([kind, share]) => `${kind}=${share}`)
    .join(",");
}

/**
 * Reads `list=3,errors=1`; a kind alone, `list`, has share 1.
 * @throws {UsageError} naming the kinds there are.
 */
export function parseMix(text: string): Mix {
  const shares = text.split(",").map((part) => {
    const [, kind = "", share = "1"] = /^([a-z]+)(?:=(\d{1,6}))?$/.exec(part.trim()) ?? [];
    if (Object.hasOwn(KINDS, kind)) return [kind, Number(share)] as const;
    throw new UsageError(
      `--mix: expected kinds with their shares, such as list=3,errors=1, got "${part}"; ` +
        `kinds are ${Object.keys(KINDS).join(", ")}`,
    );
  });
  if (shares.some(([, share]) => share > 0)) return Object.fromEntries(shares);
  throw new UsageError("--mix: expected a share above 0");
}

/** Asks the API for its symbols; with none there is still something to ask for. */
export async function lookAround(send: Send): Promise<Sights | undefined> {
  const body = await send(ok("/symbols", "/symbols"));
  if (body === undefined) return undefined;
  const { symbols } = body as { symbols: readonly { symbol: string; last_trade_time: string }[] };
  return {
    symbols: symbols.map(({ symbol, last_trade_time: last }) => ({
      symbol,
      date: last.slice(0, 10),
    })),
  };
}

/** Draws a kind by the mix's shares. */
export function drawVisit(mix: Mix, random: Random): (send: Send, sights: Sights) => Promise<void> {
  const shares = Object.entries(mix) as [VisitKind, number][];
  let left = random.uniform() * shares.reduce((sum, [, share]) => sum + share, 0);
  const drawn = shares.find(([, share]) => (left -= share) < 0) ?? shares[0];
  const { visit } = KINDS[drawn?.[0] ?? "list"];
  return async (send, sights) => visit(send, sights, random);
}

const MAX_PAGES = 5;

async function visitList(send: Send, _sights: Sights, random: Random): Promise<void> {
  await send(ok("/trades", `/trades?limit=${random.pick([10, 25, 50, 100])}`));
}

async function visitSymbol(send: Send, sights: Sights, random: Random): Promise<void> {
  const { symbol, date } = pickSymbol(sights, random);
  const hour = String(Math.floor(random.uniform() * 24)).padStart(2, "0");
  const query = new URLSearchParams({ symbol, limit: String(random.pick([20, 50, 100])) });
  if (random.uniform() < 0.3) query.set("start_time", `${date}T${hour}:00:00Z`);
  await send(ok("/trades", `/trades?${query.toString()}`));
}

/** Leafs back through a symbol's trades, as a table in a browser would. */
async function visitPages(send: Send, sights: Sights, random: Random): Promise<void> {
  const { symbol } = pickSymbol(sights, random);
  const query = new URLSearchParams({ symbol, limit: "50" });
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const body = await send(ok("/trades", `/trades?${query.toString()}`));
    const { next_cursor: cursor } = (body ?? {}) as { next_cursor?: string | null };
    if (typeof cursor !== "string" || random.uniform() < 0.2) return;
    query.set("cursor", cursor);
  }
}

async function visitSymbols(send: Send): Promise<void> {
  await send(ok("/symbols", "/symbols"));
}

async function visitSummary(send: Send, sights: Sights, random: Random): Promise<void> {
  const { symbol, date } = pickSymbol(sights, random);
  await send(ok("/summary/{symbol}/{date}", `/summary/${encodeURIComponent(symbol)}/${date}`));
}

/** Publishes a trade, or as many as a feed hands over at once. */
async function visitPublish(send: Send, _sights: Sights, random: Random): Promise<void> {
  const trades = Array.from({ length: random.pick([1, 1, 1, 5, 20]) }, () =>
    makeExampleTrade(random),
  );
  const body = trades.length === 1 ? trades[0] : trades;
  await send({ route: "POST /trades", path: "/trades", expected: [202], body });
}

async function visitHealth(send: Send): Promise<void> {
  await send(ok("/health", "/health"));
}

/** Mistakes callers make; each has its own answer. */
const MISTAKES: readonly VisitRequest[] = [
  { route: "/trades", path: "/trades?limit=0", expected: [400] },
  { route: "/trades", path: "/trades?start_time=yesterday", expected: [400] },
  { route: "/trades", path: "/trades?cursor=torn", expected: [400] },
  { route: "/summary/{symbol}/{date}", path: "/summary/BTCUSDT/2009-01-03", expected: [404] },
  { route: "unmatched", path: "/trade", expected: [404] },
  {
    route: "POST /trades",
    path: "/trades",
    expected: [400],
    body: { ...EXAMPLE_TRADE, price: 1.5 },
  },
];

async function visitError(send: Send, _sights: Sights, random: Random): Promise<void> {
  await send(random.pick(MISTAKES));
}

function ok(route: string, path: string): VisitRequest {
  return { route, path, expected: [200] };
}

/** An empty database still has something to ask for; the answer is then an empty one or a 404. */
function pickSymbol({ symbols }: Sights, random: Random): Sights["symbols"][number] {
  return symbols.length === 0 ? { symbol: "BTCUSDT", date: "2021-01-08" } : random.pick(symbols);
}
