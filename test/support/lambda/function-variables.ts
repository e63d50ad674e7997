/** The environment variables that Lambda gives a function's process. */

/** `AWS_LAMBDA_INITIALIZATION_TYPE`. */
export type InitializationType =
  | "on-demand"
  | "provisioned-concurrency"
  | "lambda-managed-instances";

export interface FunctionVariablesOptions {
  readonly functionName: string;
  readonly handler: string;
  readonly taskRoot: string;
  readonly runtimeClientDir: string;
  readonly memoryMb: number;
  readonly region: string;
  readonly logStream: string;
  readonly tmpDir: string;
  readonly initializationType: InitializationType;
  readonly multiConcurrent:
    | { readonly maxConcurrency: number; readonly workerCount: number }
    | undefined;
  /** The function's own variables; Lambda's reserved ones win over them. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * All variables but the address of the APIs. Nothing of this process's own environment gets in, but
 * for `PATH`. The credentials are made up.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export function functionVariables(options: FunctionVariablesOptions): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    LANG: "en_US.UTF-8",
    // Here /tmp belongs to everyone; os.tmpdir() reads this.
    TMPDIR: options.tmpDir,
    ...options.variables,
    TZ: ":UTC",
    _HANDLER: options.handler,
    LAMBDA_TASK_ROOT: options.taskRoot,
    LAMBDA_RUNTIME_DIR: options.runtimeClientDir,
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_REGION: options.region,
    AWS_DEFAULT_REGION: options.region,
    AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
    AWS_SECRET_ACCESS_KEY: "not-a-secret",
    AWS_SESSION_TOKEN: "not-a-token",
    AWS_LAMBDA_FUNCTION_NAME: options.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(options.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: options.initializationType,
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${options.functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: options.logStream,
    ...multiConcurrentVariables(options.multiConcurrent),
  };
}

function multiConcurrentVariables(
  mode: FunctionVariablesOptions["multiConcurrent"],
): Record<string, string> {
  if (mode === undefined) return {};
  return {
    AWS_LAMBDA_MAX_CONCURRENCY: String(mode.maxConcurrency),
    AWS_LAMBDA_NODEJS_WORKER_COUNT: String(mode.workerCount),
  };
}
