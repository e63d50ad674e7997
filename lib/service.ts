/**
 * What the functions of this service's API are made of, put together once in the init phase.
 */

import { loadConfig } from "./config/service-config.ts";
import { type HttpHandler, httpFunction, type Respond } from "./http-function.ts";
import type { Zeros } from "./measured.ts";
import { requestZeros } from "./request-metrics.ts";
import { routesOf, TEMPLATES } from "./routes.ts";

/**
 * The configuration of this process, read once.
 * @throws {ServiceError} `INVALID_CONFIG`, when the module is loaded, naming each bad variable.
 */
export const config = loadConfig();

/**
 * Makes the Lambda handler of a function of the API.
 * @param name the function's name in `serverless.yml`, and `component` in the metrics.
 * @param zeros label sets that start at 0 beside those of its requests, by metric name.
 */
export function apiFunction(
  name: string,
  respond: Respond,
  zeros: Zeros = {},
): Promise<HttpHandler> {
  const options = {
    name,
    routes: TEMPLATES,
    zeros: { ...requestZeros(routesOf(name)), ...zeros },
    origins: config.corsOrigins,
  };
  return httpFunction(options, respond);
}
