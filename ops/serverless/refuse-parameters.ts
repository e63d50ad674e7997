/**
 * A plugin of the Serverless Framework: refuses parameters that are wrong, or that there are none of,
 * before anything is packaged, with every fault at once; and the one command that would deploy a
 * function with references to its secrets in their place.
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
const COMMANDS: ReadonlySet<string> = new Set(["package", "deploy"]);

export default class RefuseParameters {
  /** None: they come after the framework's own judgement, which names no parameter. */
  readonly hooks = {};

  constructor(serverless: Serverless, options: Options) {
    const command = serverless.processedInput.commands.join(" ");
    if (command === "deploy function") refuseFunctionAlone(serverless);
    if (COMMANDS.has(command)) refuse(serverless, options);
  }
}

/** It asks Lambda itself, and it is CloudFormation that resolves `{{resolve:…}}`. */
function refuseFunctionAlone({ classes }: Serverless): never {
  throw new classes.Error(
    "deploy function: expected `serverless deploy`, which resolves references to secrets",
    "DEPLOY_FUNCTION_REFUSED",
  );
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
