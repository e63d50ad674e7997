/**
 * The function behind `GET /metrics`, served on a free port of this machine: `node serve-page.ts`,
 * configured by its environment as on Lambda. Prints the port once it answers.
 */

import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { handler } from "../../functions/scrape-metrics.ts";
import { apiEvent, lambdaContext } from "../support/api-event.ts";

/**
 * Pages under way at once, as reserved concurrency has it: where the machine is slow, scrapes that
 * were given up would pile up, and leave no time for anything else. What is refused is a gap.
 */
const MAX_PAGES = 3;

let underWay = 0;
const server = createServer((request, response) => void answer(request, response));
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (underWay >= MAX_PAGES) return void response.writeHead(429).end();
  underWay += 1;
  try {
    const event = apiEvent({ route: "/metrics", headers: textHeaders(request.headers) });
    const { statusCode, headers = {}, body } = await handler(event, lambdaContext());
    response.writeHead(statusCode, headers as Record<string, string>).end(body);
  } catch {
    response.writeHead(502).end();
  } finally {
    underWay -= 1;
  }
}

function textHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value ?? "")]),
  );
}
