/**
 * `npm run soak`: traffic for a long time to a stack of its own. At the end every count must be exact,
 * and the functions' process must hold nothing of the requests it answered.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { EXIT, numberOption, parseOptions, runCommand } from "../local/options.ts";
import { freePort } from "../local/ports.ts";
import { randomFrom } from "../local/random.ts";
import { newTally, sendTraffic, type TrafficTally } from "../local/send-traffic.ts";
import { readStackFile, type StackFile } from "../local/stack-file.ts";
import { DEFAULT_MIX } from "../local/traffic-mix.ts";
import {
  countFaults,
  faultsOf,
  growth,
  MIN_SAMPLES,
  type Growth,
  type SoakResult,
  type Usage,
} from "./soak-verdict.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** Requests a second. */
  readonly rate: number;
  readonly seed: string;
  readonly report: (line: string) => void;
}

/** So many samples of a soak of any length, as far as that leaves them `MIN_SAMPLE_MS`. */
const SAMPLES = 400;
const MIN_SAMPLE_MS = 2_000;
/** In the stack's folder. */
const USAGE_FILE = "usage.jsonl";
const START_TIMEOUT_MS = 180_000;
const SETTLE_TIMEOUT_MS = 180_000;
const SETTLE_MS = 1_000;

/** Runs a stack in a folder of its own, sends traffic, and ends it. @throws {Error} when it can't start. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const localDir = mkdtempSync(join(tmpdir(), "k2-soak-"));
  const sampleMs = Math.max(MIN_SAMPLE_MS, (options.seconds * 1_000) / SAMPLES);
  const stack = startStack(localDir, await freePort(), sampleMs);
  try {
    const { servers } = await untilReady(stack, localDir);
    const url = servers?.url ?? "";
    const before = await readCounts(url);
    const tally = newTally();
    const usage: Usage[] = [];
    const ended = new AbortController();
    const file = join(localDir, USAGE_FILE);
    const watching = watch({ ...options, file, sampleMs, ended: ended.signal, usage, tally });
    const traffic = {
      url,
      mix: DEFAULT_MIX,
      requests: Infinity,
      random: randomFrom(options.seed),
    };
    await sendTraffic(
      {
        ...traffic,
        rate: options.rate,
        seconds: options.seconds,
        concurrency: 20,
        signal: AbortSignal.timeout((options.seconds + 60) * 1_000),
      },
      tally,
    );
    // A push that failed is made good by its function's next invocation, so there have to be some.
    const deadline = performance.now() + SETTLE_TIMEOUT_MS;
    let counts = await compare(url, before, tally);
    while (performance.now() < deadline) {
      if (countFaults(counts).length === 0 && usage.length >= MIN_SAMPLES) break;
      const few = { rate: 5, seconds: 4, concurrency: 2, signal: AbortSignal.timeout(60_000) };
      // It fails where its first request does; that is counted, and there is another round.
      await sendTraffic({ ...traffic, ...few }, tally).catch(() => {});
      await delay(SETTLE_MS);
      counts = await compare(url, before, tally);
    }
    ended.abort();
    await watching;
    return { ...counts, usage };
  } finally {
    stack.kill("SIGINT");
    if (stack.exitCode === null) await once(stack, "close");
    rmSync(localDir, { recursive: true, force: true });
  }
}

function startStack(localDir: string, port: number, sampleMs: number): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, "../local/start.ts")], {
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      LOCAL_DIR: localDir,
      PORT: String(port),
      NODE_OPTIONS: `--import=${new URL("usage-probe.ts", import.meta.url).href}`,
      USAGE_FILE: join(localDir, USAGE_FILE),
      USAGE_MS: String(sampleMs),
    },
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

/** Takes up the samples until it is told to end, each with the answers so far, and says how it goes. */
async function watch(options: {
  readonly file: string;
  readonly sampleMs: number;
  readonly ended: AbortSignal;
  readonly usage: Usage[];
  readonly tally: TrafficTally;
  readonly report: (line: string) => void;
}): Promise<void> {
  const { tally, usage } = options;
  writeFileSync(options.file, "");
  let seen = 0;
  while (!options.ended.aborted) {
    await delay(options.sampleMs, undefined, { signal: options.ended }).catch(() => {});
    const lines = linesOf(options.file);
    const last = lines.at(-1);
    if (last === undefined || lines.length === seen) continue;
    seen = lines.length;
    const now: Usage = { answers: tally.all.count, ...(JSON.parse(last) as Growth) };
    usage.push(now);
    options.report(
      `${now.answers} answers, ${tally.unexpected} unexpected; functions: ${(now.memoryBytes / 1e6).toFixed(1)} MB, ${now.handles} open, ${now.timers} timers`,
    );
  }
}

/** Whole lines only. */
function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").split("\n").slice(0, -1);
}

interface Counts {
  readonly requests: Readonly<Record<string, number>>;
  readonly produced: number;
  readonly consumed: number;
}

/** What came back, and what the page says of it. */
async function compare(
  url: string,
  before: Counts,
  tally: TrafficTally,
): Promise<Omit<SoakResult, "usage">> {
  const after = await readCounts(url);
  const sent = answersOf(tally);
  const counted = Object.keys(sent).map((key) => {
    const count = (after.requests[key] ?? 0) - (before.requests[key] ?? 0);
    return [key, count] as const;
  });
  const unanswered = [...tally.routes.values()].map(({ statuses }) => statuses.get(0) ?? 0);
  return {
    sent,
    counted: Object.fromEntries(counted),
    unanswered: unanswered.reduce((all, count) => all + count, 0),
    produced: after.produced - before.produced,
    consumed: after.consumed - before.consumed,
  };
}

/** The page is refused while something it is made of can't be read. */
async function readPage(url: string): Promise<string> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const answer = await fetch(`${url}/metrics`);
    if (answer.ok) return answer.text();
    if (performance.now() > deadline) throw new Error(`GET /metrics: ${await answer.text()}`);
    await delay(SETTLE_MS);
  }
}

async function readCounts(url: string): Promise<Counts> {
  const page = await readPage(url);
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
  console.table(
    Object.entries(result.sent).map(([answers, sent]) => ({
      answers,
      sent,
      counted: result.counted[answers],
    })),
  );
  const { memoryBytes, handles, timers } = growth(result.usage);
  const faults = faultsOf(result);
  process.stdout.write(
    `${result.unanswered} unanswered. Kafka: ${result.produced} produced, ${result.consumed} consumed.\n` +
      `Grown once warm: ${(memoryBytes / 1e6).toFixed(1)} MB, ${handles.toFixed(1)} handles, ${timers.toFixed(1)} timers.\n` +
      `${faults.length === 0 ? "PASSED: exact and steady." : `FAILED:\n${faults.join("\n")}`}\n`,
  );
  return faults.length === 0 ? EXIT.good : EXIT.partly;
}

if (import.meta.main) await runCommand("npm run soak --", main);
