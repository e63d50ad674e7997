import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { registerExtension } from "../../../lib/metrics/flush/lambda-extension.ts";

const IDENTIFIER = { "lambda-extension-identifier": "7f3c" };
const EVENT = { eventType: "INVOKE", requestId: "r1", deadlineMs: 1_700_000_000_000 };

/** An Extensions API that answers registrations as told, and each poll with an event. */
async function startApi(
  register: (response: ServerResponse) => void | Promise<void>,
  tellNext = (response: ServerResponse) => void response.end(JSON.stringify(EVENT)),
): Promise<{ readonly address: string; readonly requests: readonly IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    if (request.url?.endsWith("/register") === true) void register(response);
    else tellNext(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

describe("registering an extension", () => {
  it("gives the events of whoever it was registered for", async () => {
    const api = await startApi((response) => void response.writeHead(200, IDENTIFIER).end("{}"));
    const extension = await registerExtension(api.address);
    const readEvent = extension?.askForNext();
    await readEvent?.();
    expect(api.requests.map(({ url }) => url)).toEqual([
      "/2020-01-01/extension/register",
      "/2020-01-01/extension/event/next",
    ]);
    expect(api.requests[1]?.headers).toMatchObject(IDENTIFIER);
  });

  it("waits for an answer that takes its time: once registered, Lambda waits for it", async () => {
    const api = await startApi(async (response) => {
      await delay(1_500);
      response.writeHead(200, IDENTIFIER).end("{}");
    });
    const extension = await registerExtension(api.address);
    expect(extension).toBeDefined();
  });

  it("reads no event before it is wanted, and fails only then", async () => {
    const api = await startApi(
      (response) => void response.writeHead(200, IDENTIFIER).end("{}"),
      (response) => void response.writeHead(500).end("{}"),
    );
    const extension = await registerExtension(api.address);
    const readEvent = extension?.askForNext();
    await expect.poll(() => api.requests).toHaveLength(2);
    await expect(readEvent?.()).rejects.toThrow("extension event: status 500, expected 200");
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ["refused", (response) => response.writeHead(403).end("{}")],
    ["answered without an identifier", (response) => response.writeHead(200).end("{}")],
    ["cut off", (response) => response.destroy()],
  ])("that is %s gives none", async (_, register) => {
    const api = await startApi(register);
    expect(await registerExtension(api.address)).toBeUndefined();
  });
});
