import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../local/ports.ts";
import { randomFrom } from "../../local/random.ts";
import { newTally, sendTraffic, type TrafficOptions } from "../../local/send-traffic.ts";
import { parseMix } from "../../local/traffic-mix.ts";
import { trafficTable } from "../../local/traffic-table.ts";

/** An API that counts what it is asked, and how much of it at once. */
async function serve(
  answer: RequestListener,
): Promise<{ url: string; asked: string[]; most: () => number }> {
  const asked: string[] = [];
  let [now, most] = [0, 0];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    most = Math.max(most, (now += 1));
    response.on("close", () => (now -= 1));
    answer(request, response);
  }).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    most: () => most,
  };
}

const working: RequestListener = (request, response) => {
  setTimeout(() => {
    response.statusCode =
      request.url === "/trade" ? 404 : /limit=0|torn|yesterday/.test(request.url ?? "") ? 400 : 200;
    if (request.url?.includes("2009")) response.statusCode = 404;
    if (request.method === "POST") response.statusCode = 202;
    response.end(JSON.stringify({ symbols: [], next_cursor: null }));
  }, 5);
};

function options(url: string, more: Partial<TrafficOptions> = {}): TrafficOptions {
  return {
    url,
    mix: parseMix("list,symbol,page,symbols,summary,publish,health"),
    rate: 10_000,
    seconds: 60,
    requests: 300,
    concurrency: 8,
    random: randomFrom("traffic"),
    signal: new AbortController().signal,
    ...more,
  };
}

describe("traffic", () => {
  it("counts exactly what the API was asked, and no more at once than it may", async () => {
    const { url, asked, most } = await serve(working);
    const tally = newTally();
    await sendTraffic(options(url), tally);
    expect(asked).toHaveLength(300);
    expect(tally.all.count).toBe(300);
    expect(tally.unexpected).toBe(0);
    expect(most()).toBe(8);
    const counted = [...tally.routes.values()].flatMap(({ statuses }) => [...statuses.values()]);
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(300);
  });

  it("never exceeds its rate, and lasts as long as it was told", async () => {
    const { url, asked } = await serve(working);
    const startedAt = performance.now();
    await sendTraffic(options(url, { rate: 50, seconds: 1 }), newTally());
    // A busy machine may send fewer; at full speed it would be hundreds.
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(50);
    expect(performance.now() - startedAt).toBeGreaterThan(950);
  });

  it("ends at a signal, with what is under way counted", async () => {
    const stop = new AbortController();
    const { url, asked } = await serve((request, response) => {
      if (asked.length === 20) stop.abort();
      working(request, response);
    });
    const tally = newTally();
    await sendTraffic(options(url, { signal: stop.signal }), tally);
    expect(tally.all.count).toBe(asked.length);
    expect(asked.length).toBeLessThan(40);
  });

  it("tells answers that were not expected, and those that never came", async () => {
    const { url, asked } = await serve((request, response) => {
      if (asked.length === 1) working(request, response);
      else if (asked.length % 2 === 0) request.socket.destroy();
      else response.writeHead(503).end("{}");
    });
    const tally = newTally();
    await sendTraffic(
      options(url, { requests: 41, concurrency: 1, mix: parseMix("health") }),
      tally,
    );
    expect(tally.unexpected).toBe(40);
    expect(tally.routes.get("/health")?.statuses).toEqual(
      new Map([
        [0, 20],
        [503, 20],
      ]),
    );
    expect(tally.examples).toHaveLength(5);
    expect(tally.examples.join()).toContain("/health: status 503, expected 200");
    expect(tally.examples.join()).toContain("/health: no answer: ");
  });

  it("does not begin where nobody answers", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    await expect(sendTraffic(options(url), newTally())).rejects.toThrow(
      `${url}/symbols: no answer`,
    );
  });
});

describe("the table of what came back", () => {
  it("has a row per route, a column per status, and quantiles", () => {
    const tally = newTally();
    expect(trafficTable(tally, 1)).toContain("0 answers");
    const latencies = {
      count: 1_000,
      maxMs: 40.25,
      add: () => {},
      quantileMs: (share: number) => share * 10,
    };
    tally.routes.set("/trades", {
      statuses: new Map([
        [200, 990],
        [400, 10],
      ]),
      latencies,
    });
    tally.routes.set("/health", { statuses: new Map([[0, 2]]), latencies });
    tally.unexpected = 2;
    tally.examples.push("/health: no answer: read ECONNRESET");
    expect(trafficTable({ ...tally, all: latencies }, 10)).toBe(
      [
        "route    no answer  200  400  p50 ms  p90 ms  p99 ms  max ms",
        "/health          2    0    0     5.0     9.0     9.9    40.3",
        "/trades          0  990   10     5.0     9.0     9.9    40.3",
        "",
        "1,000 answers in 10.0 s, 100.0/s; 2 not as expected",
        "  /health: no answer: read ECONNRESET",
        "",
      ].join("\n"),
    );
  });
});
