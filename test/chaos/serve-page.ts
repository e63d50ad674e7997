/**
 * The function behind `GET /metrics`, served on a free port of this machine: `node serve-page.ts`,
 * configured by its environment as on Lambda. Prints the port once it answers.
 */

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { handler } from "../../functions/scrape-metrics.ts";
import { apiEvent, lambdaContext } from "../support/api-event.ts";

const server = createServer((request, response) => {
  const event = apiEvent({ route: "/metrics", headers: textHeaders(request.headers) });
  handler(event, lambdaContext()).then(
    ({ statusCode, headers = {}, body }) => {
      response.writeHead(statusCode, headers as Record<string, string>).end(body);
    },
    () => response.writeHead(502).end(),
  );
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);

function textHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value ?? "")]),
  );
}
