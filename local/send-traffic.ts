/**
 * Sends traffic: so many visitors at once, so many requests a second, and counts what comes back.
 */

import { setTimeout as delay } from "node:timers/promises";
import { describeError } from "./describe-error.ts";
import { countLatencies, type Latencies } from "./latencies.ts";
import type { Random } from "./random.ts";
import { drawVisit, lookAround, type Mix, type Send, type VisitRequest } from "./traffic-mix.ts";

export interface TrafficOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly mix: Mix;
  /** Requests a second, at most. */
  readonly rate: number;
  readonly seconds: number;
  /** Ends it sooner. */
  readonly requests: number;
  /** Visitors at once, each with one request under way. */
  readonly concurrency: number;
  readonly random: Random;
  /** Ends it: requests under way are still counted. */
  readonly signal: AbortSignal;
}

/** What came back on one route. */
export interface RouteTally {
  /** By status; 0 counts requests that got no answer. */
  readonly statuses: Map<number, number>;
  readonly latencies: Latencies;
}

export interface TrafficTally {
  /** By route, as the metrics name it. */
  readonly routes: Map<string, RouteTally>;
  readonly all: Latencies;
  /** Answers of another status than the request was to have, and those that never came. */
  unexpected: number;
  /** The first few of these, in words. */
  readonly examples: string[];
}

const ANSWER_TIMEOUT_MS = 30_000;
const MAX_EXAMPLES = 5;

/**
 * Counts into `tally` as it goes, and resolves when the last answer is there. The first request asks
 * which symbols there are.
 * @throws {Error} when that one fails.
 */
export async function sendTraffic(options: TrafficOptions, tally: TrafficTally): Promise<void> {
  const isDue = pace(options);
  const send: Send = async (request) =>
    (await isDue()) ? sendOne(options.url, request, tally) : undefined;
  const sights = await lookAround(send);
  if (sights === undefined) {
    if (options.signal.aborted) return;
    throw new Error(`${options.url}${tally.examples[0] ?? " does not answer"}`);
  }
  const visitor = async () => {
    while (!isDue.isOver()) await drawVisit(options.mix, options.random)(send, sights);
  };
  await Promise.all(Array.from({ length: options.concurrency }, visitor));
}

export function newTally(): TrafficTally {
  return { routes: new Map(), all: countLatencies(), unexpected: 0, examples: [] };
}

interface Pace {
  /** Resolves when the next request is due: true; or false when there is to be none. */
  (): Promise<boolean>;
  isOver(): boolean;
}

function pace({ rate, seconds, requests, signal }: TrafficOptions): Pace {
  const beganAt = performance.now();
  let sent = 0;
  const dueMs = () => (sent * 1_000) / rate;
  const passedMs = () => performance.now() - beganAt;
  // An API slower than the rate is behind the plan; the time is over all the same.
  const isOver = () =>
    signal.aborted || sent >= requests || Math.max(dueMs(), passedMs()) >= seconds * 1_000;
  const next = async () => {
    if (isOver()) return false;
    const waitMs = dueMs() - passedMs();
    sent += 1;
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => {});
    return !signal.aborted;
  };
  return Object.assign(next, { isOver });
}

async function sendOne(url: string, request: VisitRequest, tally: TrafficTally): Promise<unknown> {
  const { route, path, expected } = request;
  const sentAt = performance.now();
  let status = 0;
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const response = await fetch(url + path, { signal, ...posted(request) });
    const text = await response.text();
    status = response.status;
    return expected.includes(status) ? JSON.parse(text) : undefined;
  } catch (error) {
    if (status === 0) note(tally, `${path}: no answer: ${describeError(error)}`);
    return undefined;
  } finally {
    count(tally, { route, status, milliseconds: performance.now() - sentAt });
    if (!expected.includes(status)) {
      tally.unexpected += 1;
      if (status !== 0) note(tally, `${path}: status ${status}, expected ${expected.join(" or ")}`);
    }
  }
}

function posted({ body }: VisitRequest): RequestInit {
  if (body === undefined) return {};
  const headers = { "content-type": "application/json" };
  return { method: "POST", headers, body: JSON.stringify(body) };
}

function count(
  tally: TrafficTally,
  answer: { readonly route: string; readonly status: number; readonly milliseconds: number },
): void {
  const { route, status, milliseconds } = answer;
  const known = tally.routes.get(route);
  const entry = known ?? { statuses: new Map<number, number>(), latencies: countLatencies() };
  if (known === undefined) tally.routes.set(route, entry);
  entry.statuses.set(status, (entry.statuses.get(status) ?? 0) + 1);
  entry.latencies.add(milliseconds);
  tally.all.add(milliseconds);
}

function note(tally: TrafficTally, example: string): void {
  if (tally.examples.length < MAX_EXAMPLES) tally.examples.push(example);
}
