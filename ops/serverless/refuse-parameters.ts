/**
 * A plugin of the Serverless Framework: refuses parameters that are wrong, or that there are none of,
 * before anything is packaged, with every fault at once.
 */

import { type Parameters, parameterFaults } from "./parameters.ts";

interface Serverless {
  /** What follows `serverless` on the command line, up to the first option. */
  readonly processedInput: { readonly commands: readonly string[] };
  /** `serverless.yml` with its variables resolved. */
  readonly configurationInput: { readonly params?: Readonly<Record<string, Parameters>> };
  readonly classes: { readonly Error: new (message: string, code: string) => Error };
}

interface Options {
  readonly stage?: string;
  /** `name=value` of each `--param`. */
  readonly param?: readonly string[];
}

/** Others, such as `remove`, take the parameters and have no use for them. */
const COMMANDS: ReadonlySet<string> = new Set(["package", "deploy", "deploy function"]);

export default class RefuseParameters {
  /** None: they come after the framework's own judgement, which names no parameter. */
  readonly hooks = {};

  constructor(serverless: Serverless, options: Options) {
    if (COMMANDS.has(serverless.processedInput.commands.join(" "))) refuse(serverless, options);
  }
}

/** The command line comes before the stage, and the stage before the defaults. */
function refuse({ configurationInput, classes }: Serverless, options: Options): void {
  const { params = {} } = configurationInput;
  const known = { ...params["default"], ...params[options.stage ?? "dev"] };
  const given = Object.fromEntries(
    (options.param ?? []).flatMap((text) => asTheFrameworkReads(text)),
  );
  const faults = parameterFaults({ ...known, ...given }, Object.keys(known));
  if (faults.length > 0) throw new classes.Error(faults.join("\n"), "INVALID_PARAMETERS");
}

/** Of several lines it keeps the first. What it can't read it refuses itself. */
function asTheFrameworkReads(text: string): [name: string, value: string][] {
  const { groups } = /(?<name>[^=]+)=(?<value>.+)/.exec(text) ?? {};
  return groups === undefined ? [] : [[groups["name"] ?? "", (groups["value"] ?? "").trimEnd()]];
}
