/**
 * A plugin of the Serverless Framework: refuses to package functions that would refuse their
 * configuration when they start, or would not push their metrics with it.
 */

import { EVERY_PART } from "../../lib/config/every-part.ts";
import { readConfigOrDefaults } from "../../lib/config/read-config.ts";

type Variables = Readonly<Record<string, unknown>>;

interface Serverless {
  readonly service: {
    readonly provider: {
      readonly compiledCloudFormationTemplate: {
        readonly Resources: Readonly<
          Record<string, { Type: string; Properties?: { Environment?: { Variables?: Variables } } }>
        >;
      };
    };
  };
  readonly classes: { readonly Error: new (message: string, code: string) => Error };
}

export default class RefuseConfig {
  readonly hooks: Readonly<Record<string, () => void>>;

  constructor(serverless: Serverless) {
    this.hooks = { "before:package:finalize": () => refuse(serverless) };
  }
}

/** What is wrong with a function's variables. References are resolved only when it is deployed. */
export function configFaults(variables: Variables): string[] {
  const texts = Object.entries(variables)
    .filter(([, value]) => ["string", "number"].includes(typeof value))
    .map(([name, value]) => [name, String(value)] as const);
  const { fault } = readConfigOrDefaults(EVERY_PART, Object.fromEntries(texts));
  return (fault?.faults ?? [])
    .map(({ pointer, detail }) => ({ variable: pointer.slice(1), detail }))
    .filter(({ variable }) => !isReference(variables[variable.replace(/\..*/, "")]))
    .map(({ variable, detail }) => `${variable}: ${detail}`);
}

function isReference(value: unknown): boolean {
  return typeof value === "object" || (typeof value === "string" && value.includes("{{resolve:"));
}

function refuse({ service, classes }: Serverless): void {
  const { Resources } = service.provider.compiledCloudFormationTemplate;
  const faults = Object.values(Resources)
    .filter(({ Type }) => Type === "AWS::Lambda::Function")
    .flatMap(({ Properties }) => configFaults(Properties?.Environment?.Variables ?? {}));
  if (faults.length === 0) return;
  throw new classes.Error([...new Set(faults)].join("; "), "INVALID_CONFIG");
}
