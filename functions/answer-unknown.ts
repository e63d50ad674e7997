/**
 * `ANY` on every template, and `ANY /{proxy+}`: what no other function answers. API Gateway itself
 * would say 403.
 */

import { ServiceError } from "../lib/errors.ts";
import { preflight } from "../lib/http/cors.ts";
import { allowedMethods } from "../lib/routes.ts";
import { apiFunction } from "../lib/service.ts";

export const handler = await apiFunction("answer-unknown", ({ method, route }) => {
  const methods = allowedMethods(route);
  if (methods.length === 0) {
    throw new ServiceError("NOT_FOUND", "No such route; GET / lists those there are.");
  }
  if (method === "OPTIONS") return preflight(methods);
  const allow = methods.join(", ");
  throw new ServiceError("METHOD_NOT_ALLOWED", `Expected one of ${allow}.`, { headers: { allow } });
});
