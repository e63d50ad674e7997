/**
 * `npm run traffic`: believable requests to the running stack, for trying things out.
 */

import { localFolder } from "./folder.ts";
import { EXIT, numberOption, parseOptions, runCommand } from "./options.ts";
import { formatCount, formatDuration } from "./progress.ts";
import { randomFrom } from "./random.ts";
import { newTally, sendTraffic, type TrafficTally } from "./send-traffic.ts";
import { readStackFile } from "./stack-file.ts";
import { DEFAULT_MIX, formatMix, parseMix } from "./traffic-mix.ts";
import { trafficTable } from "./traffic-table.ts";

const HELP = `Sends believable requests to the stack that "npm start" runs, and tells what came back.

  npm run traffic -- [options]

  --rate N           requests a second, at most; default 20
  --duration S       seconds; default 30
  --requests N       end after so many, if that is sooner
  --concurrency N    requests under way at once, at most; default 10
  --mix KIND=N,...   shares of what is asked for; default
                     ${formatMix(DEFAULT_MIX)}
  --url URL          another API than the running stack's
  --help

Exit code: 0 every answer was as expected, 1 some were not, 2 could not run.
`;

const LIVE_EVERY_MS = { terminal: 500, plain: 5_000 } as const;

await runCommand("npm run traffic --", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: {
      rate: { type: "string" },
      duration: { type: "string" },
      requests: { type: "string" },
      concurrency: { type: "string" },
      mix: { type: "string" },
      url: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return EXIT.good;
  }
  const plan = {
    rate: numberOption("rate", values.rate, { min: 0.01, max: 10_000, fallback: 20 }),
    seconds: numberOption("duration", values.duration, { min: 0.1, max: 604_800, fallback: 30 }),
    requests: numberOption("requests", values.requests, { min: 1, max: 1e9, fallback: 1e9 }),
    concurrency: numberOption("concurrency", values.concurrency, {
      min: 1,
      max: 1_000,
      fallback: 10,
    }),
    mix: values.mix === undefined ? DEFAULT_MIX : parseMix(values.mix),
  };
  const url = (values.url ?? (await runningUrl())).replace(/\/+$/, "");
  const tally = newTally();
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const startedAt = performance.now();
  const endLive = showLive(tally, startedAt);
  const random = randomFrom(String(Date.now()));
  await sendTraffic({ ...plan, url, random, signal: stop.signal }, tally).finally(endLive);
  process.stdout.write(trafficTable(tally, (performance.now() - startedAt) / 1_000));
  return tally.unexpected === 0 ? EXIT.good : EXIT.partly;
}

async function runningUrl(): Promise<string> {
  const stack = await readStackFile(localFolder().stackFile);
  if (stack?.servers !== undefined) return stack.servers.url;
  throw new Error("No stack is running here. Start one with npm start, or name an API with --url.");
}

/** One line that is rewritten on a terminal; a line now and then anywhere else. */
function showLive(tally: TrafficTally, startedAt: number): () => void {
  const { isTTY } = process.stderr;
  const show = () => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const { all, unexpected } = tally;
    const line =
      `${formatDuration(seconds)}  ${formatCount(all.count)} answers, ` +
      `${(all.count / seconds).toFixed(1)}/s, ${formatCount(unexpected)} unexpected, ` +
      `median ${all.quantileMs(0.5).toFixed(1)} ms, 99 % below ${all.quantileMs(0.99).toFixed(1)} ms`;
    process.stderr.write(isTTY ? `\r\u001B[K${line}` : `${line}\n`);
  };
  const timer = setInterval(show, isTTY ? LIVE_EVERY_MS.terminal : LIVE_EVERY_MS.plain);
  return () => {
    clearInterval(timer);
    if (isTTY) process.stderr.write("\r\u001B[K");
  };
}
