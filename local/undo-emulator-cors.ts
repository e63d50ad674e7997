/**
 * serverless-offline lets every origin read every answer, and answers every preflight with 200,
 * whatever the functions say; a deployed API says what they say.
 */

import type { IncomingMessage } from "node:http";
import { EXPOSED_HEADERS } from "../lib/http/cors.ts";

const EXPOSED = "access-control-expose-headers";

/** Takes out of an answer what the emulator put into it: to each it adds what is not there. */
export function undoEmulatorCors(answer: IncomingMessage, request: IncomingMessage): void {
  const { headers } = answer;
  if (request.headers["origin"] === undefined) return;
  delete headers["access-control-allow-credentials"]; // Ours never has it.
  if (headers[EXPOSED] !== EXPOSED_HEADERS) {
    delete headers["access-control-allow-origin"];
    delete headers[EXPOSED];
  }
  if (request.method !== "OPTIONS" || answer.statusCode !== 200) return;
  // The functions answer it with what the route allows, or there is no such route.
  const isRoute = headers["allow"] !== undefined;
  [answer.statusCode, answer.statusMessage] = isRoute ? [204, "No Content"] : [404, "Not Found"];
  if (isRoute) delete headers["content-length"];
  else for (const name of PREFLIGHT) delete headers[name];
}

const PREFLIGHT = [
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-max-age",
];
