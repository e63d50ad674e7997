/**
 * `npm run load`: loads Binance's public trade dumps into the running stack, or without one.
 */

import * as v from "valibot";
import { currencyOfSymbol, symbolOfFileName } from "./binance.ts";
import { describeError } from "./describe-error.ts";
import { findDatabase, type FoundDatabase } from "./find-database.ts";
import { localFolder } from "./folder.ts";
import { runLoadJob, type LoadContext, type LoadJob } from "./load-job.ts";
import { EXIT, parseOptions, runCommand, UsageError } from "./options.ts";
import { openTradeFile } from "./trade-file.ts";
import { loadConfig } from "../lib/config/service-config.ts";
import { TradeInput } from "../lib/trades/trade.ts";

const HELP = `Loads Binance's public trade dumps, as they are: .csv or .zip, with or without a header.

  npm run load -- [options] FILE...

  --symbol SYMBOL      default: from the file's name, BTCUSDT-trades-2021-01-08.csv
  --exchange CODE      default: BINANCE
  --currency CODE      currency of the prices; default: from the symbol, BTCUSDT is in USDT
  --restart            from the first line on, also where an earlier load was stopped
  --help

A load that was stopped goes on where it was. Loading a file again changes nothing: a trade is
known by its exchange, symbol and id. Lines that hold no trade are reported and skipped.
It works on the stack that "npm start" runs, or on the same data without it; DYNAMODB_ENDPOINT and
TABLE_NAME name another database. Dumps are at https://data.binance.vision.

Exit code: 0 all good, 1 some lines were bad or in conflict with recorded trades, 2 could not run.
`;

await runCommand("npm run load --", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions({
    args: [...argv],
    allowPositionals: true,
    options: {
      symbol: { type: "string" },
      exchange: { type: "string" },
      currency: { type: "string" },
      restart: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return EXIT.good;
  }
  if (positionals.length === 0) throw new UsageError("Which file? Expected one or more.");
  const jobs = await Promise.all(positionals.map(async (path) => openJob(path, values)));
  const folder = localFolder();
  const database = await findDatabase(folder, loadConfig());
  try {
    await checkAnswer(database);
    say(`Loading into ${database.where}.`);
    return await loadAll(jobs, {
      folder,
      database,
      isRestart: values.restart === true,
      say,
    });
  } finally {
    await database.close();
  }
}

interface JobOptions {
  readonly symbol?: string | undefined;
  readonly exchange?: string | undefined;
  readonly currency?: string | undefined;
}

async function openJob(path: string, options: JobOptions): Promise<LoadJob> {
  const file = await openTradeFile(path);
  for (const name of ["symbol", "exchange", "currency"] as const) checkCode(name, options[name]);
  const symbol = options.symbol ?? symbolOfFileName(file.csvName);
  if (symbol === undefined)
    throw new UsageError(
      `${path}: its name does not say the symbol, as BTCUSDT-trades-2021-01-08.csv does; give --symbol`,
    );
  const currency = options.currency ?? currencyOfSymbol(symbol);
  if (currency === undefined)
    throw new UsageError(`${path}: in which currency are prices of ${symbol}? Give --currency`);
  return { file, symbol, currency, exchange: options.exchange ?? "BINANCE" };
}

async function loadAll(
  jobs: readonly LoadJob[],
  context: Omit<LoadContext, "signal">,
): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  let exitCode: number = EXIT.good;
  for (const job of jobs) {
    const { position, bad, conflicts } = await runLoadJob(job, { ...context, signal: stop.signal });
    if (stop.signal.aborted) {
      say(`Stopped after line ${position.lines}; the same command goes on there.`);
      return EXIT.interrupted;
    }
    if (bad + conflicts > 0) exitCode = EXIT.partly;
  }
  return exitCode;
}

async function checkAnswer({ store, where }: FoundDatabase): Promise<void> {
  await store.ping().catch((error: unknown) => {
    throw new Error(`No answer from ${where}: ${describeError(error)}`, { cause: error });
  });
}

/** Before anything is sent: a wrong one would make every line a bad one. */
function checkCode(name: "symbol" | "exchange" | "currency", value: string | undefined): void {
  if (value === undefined) return;
  const { issues } = v.safeParse(TradeInput.entries[name], value);
  if (issues !== undefined) throw new UsageError(`--${name}: ${issues[0].message}, got "${value}"`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
