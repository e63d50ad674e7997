import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort, isAnswering, portProblem, untilAnswering } from "../../local/ports.ts";

async function listen(host: string, port = 0): Promise<number> {
  const server = createServer().listen(port, host);
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describe("ports", () => {
  it("a free one is free, and is taken by whoever listens", async () => {
    const port = await freePort();
    expect(await portProblem(port)).toBeUndefined();
    expect(await isAnswering(port)).toBe(false);
    await listen("127.0.0.1", port);
    expect(await portProblem(port)).toBe(`Port ${port} is in use.`);
    expect(await isAnswering(port)).toBe(true);
  });

  it("free ones are all different, and none is one that an outgoing connection may get", async () => {
    const ports = await Promise.all(Array.from({ length: 200 }, async () => freePort()));
    expect(new Set(ports).size).toBe(200);
    for (const port of ports) expect([port >= 15_000, port < 32_768]).toEqual([true, true]);
  });

  it("a port in use is passed over", async () => {
    const port = await freePort();
    // Where somebody has it already, all the better.
    await listen("127.0.0.1", port + 1).catch(() => {});
    expect(await freePort()).not.toBe(port + 1);
  });

  it.each(["0.0.0.0", "::1", "::"])(
    "one in use on %s is in use, since localhost may mean it",
    async (host) => {
      const port = await listen(host);
      expect(await portProblem(port)).toBe(`Port ${port} is in use.`);
    },
  );

  it("waiting ends when something answers, when time is up, and at a signal", async () => {
    const port = await freePort();
    await expect(untilAnswering(port, { timeoutMs: 50 })).rejects.toThrow(
      `nothing answered on 127.0.0.1:${port}`,
    );
    const signal = AbortSignal.abort(new Error("it died"));
    await expect(untilAnswering(port, { timeoutMs: 5_000, signal })).rejects.toThrow("it died");
    const waiting = untilAnswering(port, { timeoutMs: 30_000 });
    await listen("127.0.0.1", port);
    await expect(waiting).resolves.toBeUndefined();
  });
});
