import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRudePushgateway, type RudePushgateway } from "../support/rude-pushgateway.ts";
import { formsOf } from "../support/forms-of-secret.ts";
import { startStack, type RunningStack } from "../support/running-stack.ts";

/** Everything the configuration may hold that nobody should read, each unlike any other text. */
const SECRETS = {
  METRICS_SCRAPE_TOKEN: "scrape-token-7f3a/91c2+d4e8=",
  PUSHGATEWAY_PASSWORD: "push-password-5b1d:0e77@a9f6",
};
const USERNAME = "pusher";
/** In whatever callers send, so that it is found wherever that ends up. */
const MARKER = "zzmarker";

let pushgateway: RudePushgateway;
let stack: RunningStack;
let pages: string[];

beforeAll(async () => {
  pushgateway = await startRudePushgateway();
  stack = await startStack({
    ...SECRETS,
    LOG_LEVEL: "debug",
    PUSHGATEWAY_URL: pushgateway.url,
    PUSHGATEWAY_USERNAME: USERNAME,
  });
  await storm();
  pages = [await page()];
  await storm();
  pages.push(await page());
  await stack.end();
}, 300_000);
afterAll(async () => {
  stack?.remove();
  await pushgateway?.close();
});

describe("a full run in which much goes wrong", () => {
  it("was one: pushes were refused, callers turned away", () => {
    expect(pushgateway.refused()).toBeGreaterThan(5);
    const logs = stack.logs();
    expect(/"message":"[^"]*push[^"]*failed/i.test(logs)).toBe(true);
    const statuses = new Set([...logs.matchAll(/"status":(\d+)/g)].map(([, status]) => status));
    expect([...statuses]).toEqual(
      expect.arrayContaining(["200", "202", "400", "401", "404", "405"]),
    );
  });

  it.each(Object.entries(SECRETS))("logs %s nowhere, in no form", (_name, secret) => {
    const logs = stack.logs();
    expect(formsOf(secret, USERNAME).filter((form) => logs.includes(form))).toEqual([]);
  });

  it("shows a secret in no answer and on no page", () => {
    const shown = pages.join("\n");
    for (const secret of Object.values(SECRETS))
      expect(formsOf(secret, USERNAME).filter((form) => shown.includes(form))).toEqual([]);
  });
});

describe("what callers send", () => {
  it("is the value of no label", () => {
    for (const text of pages) {
      expect(text).toContain('endpoint="unmatched"');
      expect(text.toLowerCase()).not.toContain(MARKER);
    }
  });

  it("makes no new label set the second time", () => {
    const [before = "", after = ""] = pages;
    // A function whose first pushes the Pushgateway refused shows up with a later one.
    const components = new Set(requestSeriesOf(before).map(componentOf));
    const again = requestSeriesOf(after).filter((series) => components.has(componentOf(series)));
    expect(again).toEqual(requestSeriesOf(before));
    expect(requestSeriesOf(after).length).toBeGreaterThan(10);
  });

  it("makes no line of the functions' log that is not theirs", () => {
    const lines = stack.logs().split("\n");
    const own = lines.filter((line) => line.startsWith('{"timestamp":'));
    expect(own.length).toBeGreaterThan(50);
    for (const line of own) expect(JSON.parse(line)).toMatchObject({ service: "k2-trades" });
    expect(own.filter((line) => line.includes(MARKER))).toEqual([]);
    expect(lines.filter((line) => /^\s*\{?"timestamp":"1970"/.test(line))).toEqual([]);
  });
});

describe("functions without a route", () => {
  it.each([
    "/retire-environments",
    "/consume-trades",
    "/measure-lag",
    "/2015-03-31/functions/k2-trades-dev-retire-environments/invocations",
    "/2015-03-31/functions/k2-trades-dev-consume-trades/invocations",
  ])("can't be reached as %s", (path) => {
    expect(stormed.get(`POST ${path}`)).toBe(404);
  });
});

/** Status by method and path, of the requests that name a function. */
const stormed = new Map<string, number>();

/** Requests with the marker in every place that callers fill, and a line break to forge a log line. */
async function storm(): Promise<void> {
  const forged = `${MARKER}"}\r\n{"timestamp":"1970","level":"error","message":"forged-${MARKER}"}`;
  const inUrl = encodeURIComponent(forged);
  const json = { "content-type": "application/json" };
  const trade = { [forged]: forged, symbol: forged, trade_id: MARKER };
  const requests: [path: string, request?: RequestInit][] = [
    [`/trades?symbol=${inUrl}&exchange=${inUrl}&limit=${inUrl}&cursor=${inUrl}&${inUrl}=1`],
    [`/trades?symbol=${MARKER.toUpperCase()}`],
    [`/summary/${MARKER.toUpperCase()}/2021-01-08`],
    [`/summary/${inUrl}/${inUrl}`],
    [`/${MARKER}/${inUrl}`],
    [`/trades/${MARKER}`, { method: "DELETE" }],
    ["/trades", { method: "PATCH", headers: { "x-correlation-id": `id ${MARKER}` } }],
    ["/trades", { method: "POST", headers: json, body: JSON.stringify(trade) }],
    ["/trades", { method: "POST", headers: json, body: forged }],
    ["/trades", { method: "POST", headers: json, body: JSON.stringify(VALID_TRADE) }],
    ["/symbols", { headers: { "user-agent": MARKER, "x-amzn-trace-id": MARKER } }],
    ["/health", { headers: { "x-forwarded-for": MARKER, origin: `https://${MARKER}.example` } }],
    ["/metrics"],
    ["/metrics", { headers: { authorization: `Bearer ${SECRETS.METRICS_SCRAPE_TOKEN}x` } }],
    ["/metrics", { headers: { authorization: `Basic ${MARKER}`, accept: MARKER } }],
    ["/metrics", { headers: bearer() }],
    ["/"],
    ...["/retire-environments", "/consume-trades", "/measure-lag"].flatMap(
      (path): [string, RequestInit][] => [
        [path, { method: "POST", headers: json, body: "{}" }],
        [
          `/2015-03-31/functions/k2-trades-dev${path.replace("/", "-")}/invocations`,
          { method: "POST", headers: json, body: "{}" },
        ],
      ],
    ),
  ];
  for (const [path, request] of requests) {
    const response = await fetch(`${stack.url}${path}`, request);
    const { status } = response;
    const answer = await response.text();
    stormed.set(`${request?.method ?? "GET"} ${path}`, status);
    for (const secret of Object.values(SECRETS))
      expect(formsOf(secret, USERNAME).filter((form) => answer.includes(form))).toEqual([]);
  }
}

const VALID_TRADE = {
  trade_id: "1",
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  asset_class: "CRYPTO",
  timestamp: "2021-01-08T00:00:00Z",
  price: "1",
  quantity: "1",
  currency: "USDT",
};

function bearer() {
  return { authorization: `Bearer ${SECRETS.METRICS_SCRAPE_TOKEN}` };
}

/** The page of metrics; a Pushgateway that refuses half of what it is asked makes some 503. */
async function page(): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(`${stack.url}/metrics`, { headers: bearer() });
    const text = await response.text();
    if (response.status === 200 && text.includes('endpoint="unmatched"')) return text;
    if (tries === 50) throw new Error(`no page of metrics: ${response.status} ${text}`);
  }
}

function requestSeriesOf(text: string): string[] {
  return [...text.matchAll(/^api_requests_total\{.*\}/gm)].map(([series]) => series).toSorted();
}

function componentOf(series: string): string | undefined {
  return /component="([^"]*)"/.exec(series)?.[1];
}
