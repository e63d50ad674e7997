/**
 * The functions on serverless-offline, which plays API Gateway, as a child process.
 */

import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parse } from "yaml";
import { credentialsFor, LOCAL_CREDENTIALS } from "./database.ts";
import { PROJECT, type LocalFolder } from "./folder.ts";
import { isAnswering } from "./ports.ts";
import { childFailure, startChild, type Child } from "./processes.ts";

export interface FunctionsOptions {
  readonly folder: LocalFolder;
  readonly port: number;
  readonly dynamodb: string;
  /** The database is ours and takes any credentials; else they are the caller's own. */
  readonly ownsDynamodb: boolean;
  /** One URL, or several separated by commas. */
  readonly pushgateway: string;
  /** `host:port`, several separated by commas. */
  readonly kafka: string;
  /** Where functions are invoked by name. */
  readonly lambdaPort: number;
  /** The caller's environment: variables of the configuration in it hold for the functions. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly onLine: (line: string) => void;
}

const SERVERLESS = join(PROJECT, "node_modules/serverless/bin/serverless.js");
/** Its own failures are seen at once; this is for one that hangs, on a machine that is busy. */
const START_TIMEOUT_MS = 180_000;

/** Starts them; `untilFunctionsAnswer` says when they can be asked. */
export async function startFunctions(options: FunctionsOptions): Promise<Child> {
  const variables = {
    ...options.variables,
    PUSHGATEWAY_URL: options.pushgateway,
    KAFKA_BROKERS: options.kafka,
  };
  return startChild({
    name: "the functions",
    command: [
      process.execPath,
      SERVERLESS,
      "offline",
      "start",
      ...(await paramsFor(variables)),
      "--param=consumeFrom=local",
    ],
    cwd: PROJECT,
    environment: {
      PORT: String(options.port),
      LAMBDA_PORT: String(options.lambdaPort),
      DYNAMODB_ENDPOINT: options.dynamodb,
      // From the second start on, the tools' own code is not compiled again.
      NODE_COMPILE_CACHE: join(options.folder.root, "compiled"),
      // Each stack bundles into its own folder: the bundler empties it at its end.
      BUILD_DIR: relative(PROJECT, join(options.folder.root, "functions")),
      ...(needsAccount(options) ? LOCAL_ACCOUNT : {}),
    },
    logPath: join(options.folder.logs, "functions.log"),
    onLine: options.onLine,
  });
}

/** @throws {Error} with their last lines when they ended, reported an error, or took too long. */
export async function untilFunctionsAnswer(child: Child, port: number): Promise<void> {
  const started = performance.now();
  while (!(await isAnswering(port))) {
    child.died.throwIfAborted();
    // It does not end when it can't build the functions.
    if (child.lastLines().includes("Error:")) throw childFailure(child, "could not start");
    if (performance.now() - started > START_TIMEOUT_MS) throw childFailure(child, "did not start");
    await delay(100);
  }
}

function needsAccount({ ownsDynamodb, variables }: FunctionsOptions): boolean {
  return ownsDynamodb || credentialsFor(variables).credentials !== undefined;
}

/** A profile or session in the caller's shell must not get in the way of the emulator. */
const LOCAL_ACCOUNT = {
  AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  AWS_SESSION_TOKEN: undefined,
  AWS_PROFILE: undefined,
} as const;

/**
 * The template names a parameter for each variable a deployment may set, and hands its functions
 * nothing else: so variables are given as the parameters they stand for.
 */
export async function paramsFor(
  variables: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  const { provider, functions } = parse(await readFile(join(PROJECT, "serverless.yml"), "utf8"), {
    logLevel: "silent",
  }) as { provider: WithEnvironment; functions: Record<string, WithEnvironment> };
  const environment = Object.assign(
    {},
    ...[provider, ...Object.values(functions)].map((part) => part.environment),
  ) as Record<string, unknown>;
  return Object.entries(environment).flatMap(([variable, source]) => {
    const param = /^\$\{param:(\w+)\}$/.exec(String(source))?.[1];
    const value = variables[variable];
    return param === undefined || !value ? [] : [`--param=${param}=${inOneLine(value)}`];
  });
}

/** A `--param` ends with its first line; certificates are read with `\n` for their lines' ends, too. */
function inOneLine(value: string): string {
  return value.replaceAll(/\r?\n/g, "\\n");
}

interface WithEnvironment {
  readonly environment?: Readonly<Record<string, unknown>>;
}
