/**
 * A plugin of the Serverless Framework: refuses to package a function whose environment holds a
 * secret in plain text, since whoever may read the template or the function's settings reads it.
 */

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

const IS_SECRET = /(?:PASSWORD|SECRET|TOKEN)$/;
const REFERENCE = /\{\{resolve:(?:secretsmanager|ssm):[^{}]+\}\}/g;

export const REFERENCE_EXPECTED =
  "expected a reference such as {{resolve:secretsmanager:NAME:SecretString:KEY}}, not the secret itself";

export default class RefusePlainSecrets {
  readonly hooks: Readonly<Record<string, () => void>>;

  constructor(serverless: Serverless) {
    this.hooks = { "before:package:finalize": () => refuse(serverless) };
  }
}

/** Names of the variables whose value is a secret and not a reference to one. */
export function plainSecrets(variables: Variables): string[] {
  return Object.entries(variables)
    .filter(([name, value]) => typeof value === "string" && isPlain(name, value))
    .map(([name]) => name);
}

function refuse({ service, classes }: Serverless): void {
  const { Resources } = service.provider.compiledCloudFormationTemplate;
  const plain = Object.values(Resources)
    .filter(({ Type }) => Type === "AWS::Lambda::Function")
    .flatMap(({ Properties }) => plainSecrets(Properties?.Environment?.Variables ?? {}));
  if (plain.length === 0) return;
  const names = [...new Set(plain)].sort().join(", ");
  throw new classes.Error(
    `${names}: ${REFERENCE_EXPECTED}: the packaged template would hold it.`,
    "PLAIN_SECRET",
  );
}

/** Of a URL, which may be one of several, the credentials are the secret. */
function isPlain(name: string, value: string): boolean {
  const rest = value.replaceAll(REFERENCE, "");
  return IS_SECRET.test(name) ? rest !== "" : /:\/\/[^/?#,]*[^/?#,@:]+@/.test(rest);
}
