/**
 * `npm run soak`: traffic for a long time to a stack of its own. At the end every count must be exact,
 * and memory and open sockets must be what they were.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { EXIT, numberOption, parseOptions, runCommand } from "../local/options.ts";
import { freePort } from "../local/ports.ts";
import { randomFrom } from "../local/random.ts";
import { newTally, sendTraffic, type TrafficTally } from "../local/send-traffic.ts";
import { readStackFile, type StackFile } from "../local/stack-file.ts";
import { DEFAULT_MIX } from "../local/traffic-mix.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** Requests a second. */
  readonly rate: number;
  readonly seed: string;
  readonly report: (line: string) => void;
}

export interface SoakResult {
  /** Answers by `METHOD route status`: as they came, and as `/metrics` has them. */
  readonly sent: Readonly<Record<string, number>>;
  readonly counted: Readonly<Record<string, number>>;
  /** Requests that got no answer: whether they are counted can't be known. */
  readonly unanswered: number;
  /** Records acknowledged by the topic, and dealt with. */
  readonly produced: number;
  readonly consumed: number;
  /** Of the functions' process, oldest first. */
  readonly usage: readonly Usage[];
}

export interface Usage {
  readonly memoryMb: number;
  /** Open files and sockets. */
  readonly handles: number;
}

const SAMPLE_MS = 2_000;
const START_TIMEOUT_MS = 120_000;
const SETTLE_TIMEOUT_MS = 30_000;

/** Runs a stack in a folder of its own, sends traffic, and ends it. @throws {Error} when it can't start. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const localDir = mkdtempSync(join(tmpdir(), "k2-soak-"));
  const stack = startStack(localDir, await freePort());
  try {
    const { servers, pid } = await untilReady(stack, localDir);
    const url = servers?.url ?? "";
    const before = await readCounts(url);
    const tally = newTally();
    const usage: Usage[] = [];
    const ended = new AbortController();
    const watching = watch({ pid, ended: ended.signal, usage, tally, report: options.report });
    await sendTraffic(
      {
        url,
        mix: DEFAULT_MIX,
        rate: options.rate,
        seconds: options.seconds,
        requests: Infinity,
        concurrency: 20,
        random: randomFrom(options.seed),
        signal: AbortSignal.timeout((options.seconds + 60) * 1_000),
      },
      tally,
    );
    ended.abort();
    await watching;
    const after = await untilConsumed(url);
    const sent = answersOf(tally);
    return {
      sent,
      counted: Object.fromEntries(
        Object.keys(sent).map((key) => [
          key,
          (after.requests[key] ?? 0) - (before.requests[key] ?? 0),
        ]),
      ),
      unanswered: [...tally.routes.values()].reduce(
        (all, { statuses }) => all + (statuses.get(0) ?? 0),
        0,
      ),
      produced: after.produced - before.produced,
      consumed: after.consumed - before.consumed,
      usage,
    };
  } finally {
    stack.kill("SIGINT");
    if (stack.exitCode === null) await once(stack, "close");
    rmSync(localDir, { recursive: true, force: true });
  }
}

/**
 * How much more was in use at the end than after the first quarter, when everything has warmed up:
 * medians of a quarter each.
 */
export function growth(usage: readonly Usage[]): Usage {
  const quarter = Math.ceil(usage.length / 4);
  const warm = usage.slice(quarter, 2 * quarter);
  const last = usage.slice(-quarter);
  const of = (part: readonly Usage[], key: keyof Usage) => median(part.map((one) => one[key]));
  return {
    memoryMb: of(last, "memoryMb") - of(warm, "memoryMb"),
    handles: of(last, "handles") - of(warm, "handles"),
  };
}

function startStack(localDir: string, port: number): ChildProcess {
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], LOCAL_DIR: localDir };
  return spawn(process.execPath, [join(import.meta.dirname, "../local/start.ts")], {
    env: { ...env, PORT: String(port) },
    stdio: "ignore",
  });
}

async function untilReady(stack: ChildProcess, localDir: string): Promise<StackFile> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const note = await readStackFile(join(localDir, "stack.json"));
    if (note?.servers !== undefined) return note;
    if (stack.exitCode !== null) throw new Error(`the stack ended with ${stack.exitCode}`);
    if (performance.now() > deadline) throw new Error("the stack did not start");
    await delay(200);
  }
}

/** Takes samples until it is told to end, and says how it goes. */
async function watch(options: {
  readonly pid: number;
  readonly ended: AbortSignal;
  readonly usage: Usage[];
  readonly tally: TrafficTally;
  readonly report: (line: string) => void;
}): Promise<void> {
  const functions = functionsProcess(options.pid);
  while (!options.ended.aborted) {
    const now = usageOf(functions);
    options.usage.push(now);
    options.report(
      `${options.tally.all.count} answers, ${options.tally.unexpected} unexpected; functions: ${now.memoryMb.toFixed(0)} MB, ${now.handles} open`,
    );
    await delay(SAMPLE_MS, undefined, { signal: options.ended }).catch(() => {});
  }
}

interface Counts {
  readonly requests: Readonly<Record<string, number>>;
  readonly produced: number;
  readonly consumed: number;
}

/** What was produced is consumed a moment later. */
async function untilConsumed(url: string): Promise<Counts> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const counts = await readCounts(url);
    if (counts.consumed >= counts.produced || performance.now() > deadline) return counts;
    await delay(500);
  }
}

async function readCounts(url: string): Promise<Counts> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const requests: Record<string, number> = {};
  for (const [, labels = "", value] of page.matchAll(/^api_requests_total\{(.*)\} (\S+)$/gm)) {
    const { method, endpoint, status_code } = Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, text]) => [name, text]),
    );
    const key = `${method} ${endpoint} ${status_code}`;
    requests[key] = (requests[key] ?? 0) + Number(value);
  }
  const total = (name: string) =>
    [...page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))].reduce(
      (all, [, value]) => all + Number(value),
      0,
    );
  return {
    requests,
    produced: total("kafka_messages_produced_total"),
    consumed: total("kafka_messages_consumed_total"),
  };
}

function answersOf(tally: TrafficTally): Record<string, number> {
  const answers = [...tally.routes].flatMap(([route, { statuses }]) =>
    [...statuses]
      .filter(([status]) => status !== 0)
      .map(
        ([status, count]) =>
          [`${route.includes(" ") ? route : `GET ${route}`} ${status}`, count] as const,
      ),
  );
  return Object.fromEntries(answers);
}

/** The process that runs the functions: the one below the stack that runs serverless. */
function functionsProcess(stack: number): number {
  const found = descendants(stack).find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[1]?.includes("serverless"),
  );
  if (found === undefined) throw new Error("the functions' process was not found");
  return found;
}

function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  return children
    .filter((text) => text !== "")
    .flatMap((text) => [Number(text), ...descendants(Number(text))]);
}

function usageOf(pid: number): Usage {
  const [, kilobytes = "0"] =
    /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return { memoryMb: Number(kilobytes) / 1_024, handles: readdirSync(`/proc/${pid}/fd`).length };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: { minutes: { type: "string" }, rate: { type: "string" } },
  });
  const minutes = numberOption("minutes", values.minutes, { min: 0.1, max: 10_000, fallback: 30 });
  const rate = numberOption("rate", values.rate, { min: 1, max: 1_000, fallback: 50 });
  const result = await soak({
    seconds: minutes * 60,
    rate,
    seed: "soak",
    report: (line) => process.stderr.write(`${line}\n`),
  });
  const grown = growth(result.usage);
  const isExact = JSON.stringify(result.sent) === JSON.stringify(result.counted);
  console.table(
    Object.entries(result.sent).map(([answers, sent]) => ({
      answers,
      sent,
      counted: result.counted[answers],
    })),
  );
  process.stdout.write(
    `${isExact ? "Exact." : "NOT EXACT."} ${result.unanswered} unanswered. Kafka: ${result.produced} produced, ${result.consumed} consumed.\n` +
      `From the second quarter to the last: ${grown.memoryMb.toFixed(1)} MB, ${grown.handles} handles.\n`,
  );
  return isExact && result.produced === result.consumed ? EXIT.good : EXIT.partly;
}

if (import.meta.main) await runCommand("npm run soak --", main);
