/**
 * `npm start`: the whole stack on this machine, until Ctrl-C.
 */

import { once } from "node:events";
import { EXAMPLE_TRADE } from "./example-trade.ts";
import { localFolder, shortPath, type LocalFolder } from "./folder.ts";
import { EXIT, parseOptions, runCommand, UsageError } from "./options.ts";
import { portProblem } from "./ports.ts";
import { startStack, type Stack } from "./stack.ts";
import { lockStack, type StackFile, type StackLock } from "./stack-file.ts";

const HELP = `Runs the whole stack on this machine: API, DynamoDB, Pushgateway, Kafka, and a day of sample trades.

  npm start

Environment:
  PORT                port of the API; default 8000. All other ports are found free.
  DYNAMODB_ENDPOINT   use this DynamoDB instead of an own one
  PUSHGATEWAY_URL     use this Pushgateway instead of an own one; several, separated by commas
  KAFKA_BROKERS       use these brokers instead of an own one; host:port, separated by commas
  LOCAL_DIR           where the data is kept; default .local
and the service's own configuration. Ctrl-C ends it all; the data stays.
`;

const DEFAULT_PORT = 8_000;

await runCommand("npm start --", main, EXIT.partly);
// A part that hangs must not keep a stack alive that has ended.
process.exit();

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({ args: [...argv], options: { help: { type: "boolean" } } });
  if (values.help === true) {
    print(HELP);
    return EXIT.good;
  }
  const port = readPort(process.env["PORT"]);
  const folder = localFolder();
  const lock = await takeFolder(folder);
  await using resources = new AsyncDisposableStack();
  resources.defer(() => lock.release());
  const problem = await portProblem(port);
  if (problem !== undefined)
    throw new Error(`${problem} End what listens there, or choose another: PORT=8001 npm start`);
  const ending = endAtSignal();
  try {
    const stack = await startStack({
      folder,
      port,
      variables: process.env,
      print,
      signal: ending,
      resources,
    });
    lock.publish({ port, servers: stack.servers });
    print(describeStack(stack, { port, folder, seconds: performance.now() / 1_000 }));
    await untilAborted(AbortSignal.any([ending, stack.died]));
    stack.died.throwIfAborted();
  } catch (error) {
    if (!ending.aborted) throw error;
  }
  print("\nEnding; the data stays.");
  return EXIT.good;
}

function readPort(text = String(DEFAULT_PORT)): number {
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536) return Number(text);
  throw new UsageError(`PORT: expected a number from 1 to 65535, got "${text}"`);
}

async function takeFolder(folder: LocalFolder): Promise<StackLock> {
  const lock = await lockStack(folder.stackFile, "npm start");
  if ("release" in lock) return lock;
  throw new Error(`${describeHolder(lock)} End it first, or give another LOCAL_DIR.`);
}

function describeHolder({ command, pid, servers }: StackFile): string {
  const where = servers === undefined ? "" : ` at ${servers.url}`;
  return `"${command}" already runs here${where} (process ${pid}).`;
}

/** A second signal ends this process at once, and with it every child. */
function endAtSignal(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(EXIT.interrupted);
      ending.abort();
    });
  return ending.signal;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

function describeStack(
  stack: Stack,
  context: { readonly port: number; readonly folder: LocalFolder; readonly seconds: number },
): string {
  const { servers, sampleDate } = stack;
  const url = `http://localhost:${context.port}`;
  const summary = sampleDate === undefined ? [] : [`  curl ${url}/summary/BTCUSDT/${sampleDate}`];
  return [
    "",
    `Ready after ${context.seconds.toFixed(1)} s. Try:`,
    "",
    `  curl "${url}/trades?limit=10"`,
    ...summary,
    `  curl ${url}/metrics`,
    `  curl -H "content-type: application/json" -d '${JSON.stringify(EXAMPLE_TRADE)}' ${url}/trades`,
    `  curl "${url}/trades?symbol=${EXAMPLE_TRADE.symbol}"`,
    "",
    `  Dashboard    ${url}/dashboard`,
    `  Reference    ${url}/reference`,
    `  API          ${servers.url}`,
    `  DynamoDB     ${servers.dynamodb}  table ${servers.table}, ${stack.database}`,
    `  Pushgateway  ${servers.pushgateway}  ${stack.pushgateway}`,
    `  Kafka        ${servers.kafka}  ${stack.kafka}`,
    `  Prometheus   ${servers.prometheus === undefined ? "" : `${servers.prometheus}  `}${stack.prometheus}`,
    `  Logs         ${shortPath(context.folder.logs)}`,
    "",
    "  npm run load -- FILE...   loads Binance's public dumps",
    "  npm run traffic           sends requests",
    "",
    "Ctrl-C ends it.",
    "",
  ].join("\n");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
