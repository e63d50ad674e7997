/** The command line of `npm run chaos`. */

import { numberOption, parseOptions, UsageError } from "../../local/options.ts";
import type { PlanOptions } from "./plan.ts";
import { WAYS, type Way } from "./run-way.ts";

export const HELP = `Counts under chaos: execution environments under AWS's own runtime client push to real
Pushgateways, while the network, the processes and the Pushgateways themselves fail, all drawn from
a seed.

  npm run chaos -- [options]

  --environments N   execution environments at any time, every third with the adaptive strategy;
                     1 to 500, default 50
  --invocations N    of each way; 100 to 1000000, default 20000
  --rate N           invocations a second, which come by themselves; 1 to 2000, default 100
  --pushgateways N   of this project's way; 1 to 9, default 2. prom-client's client knows one
  --ways WAY,...     of these, default the first three:
                       exact      this project
                       push       prom-client's own push, one group for the function
                       pushAdd    the same with pushAdd
                       instance   push with a group for each environment
  --seed TEXT        of everything that is drawn; default the time. What real processes make of the
                     same plan differs a little each time
  --help

Each way takes its invocations divided by its rate, and up to two minutes more: thirteen minutes by
default, where the machine has two cores and nothing else to do. A busy one takes longer, and loses
more with processes that time out. Exit code: 0 this project's way kept its promises, 1 it did not,
2 could not run.
`;

export interface ChaosOptions extends PlanOptions {
  readonly pushgateways: number;
  readonly ways: readonly Way[];
}

const DEFAULT_WAYS: readonly Way[] = ["exact", "push", "pushAdd"];

/**
 * Reads the command line; undefined where it asks for help.
 * @throws {UsageError} with the option's name and what was expected.
 */
export function parseChaosOptions(argv: readonly string[]): ChaosOptions | undefined {
  const { values } = parseOptions({
    args: [...argv],
    options: {
      environments: { type: "string" },
      invocations: { type: "string" },
      rate: { type: "string" },
      pushgateways: { type: "string" },
      ways: { type: "string" },
      seed: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return undefined;
  const whole = (name: "environments" | "invocations" | "pushgateways", limits: Limits) =>
    wholeNumber(name, values[name], limits);
  return {
    seed: values.seed ?? String(Date.now()),
    environments: whole("environments", { min: 1, max: 500, fallback: 50 }),
    invocations: whole("invocations", { min: 100, max: 1e6, fallback: 20_000 }),
    perSecond: numberOption("rate", values.rate, { min: 1, max: 2_000, fallback: 100 }),
    pushgateways: whole("pushgateways", { min: 1, max: 9, fallback: 2 }),
    ways: values.ways === undefined ? DEFAULT_WAYS : parseWays(values.ways),
  };
}

type Limits = Parameters<typeof numberOption>[2];

function wholeNumber(name: string, text: string | undefined, limits: Limits): number {
  const value = numberOption(name, text, limits);
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${name}: expected a whole number, got "${text}"`);
}

function parseWays(text: string): Way[] {
  const all = Object.keys(WAYS) as Way[];
  const ways = text.split(",").map((name) => {
    const way = all.find((one) => one === name.trim());
    if (way === undefined)
      throw new UsageError(`--ways: expected ${all.join(", ")}, got "${name}"`);
    return way;
  });
  return [...new Set(ways)];
}
