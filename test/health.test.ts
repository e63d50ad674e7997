import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkHealth, type Probe, reachTcp } from "../lib/health.ts";
import { createLog } from "../lib/log.ts";

const silent = createLog({ level: "silent" });
const good = async () => undefined;
const bad = () => Promise.reject(new Error("secret-host: connection refused"));
const never = () => Promise.withResolvers<never>().promise;

function probe(name: string, reach: Probe["reach"], isVital = false): Probe {
  return { name, reach, isVital };
}

/** A port that takes connections until the test ends. */
async function listen(): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("checkHealth", () => {
  it.each([
    ["ok", good, good],
    ["degraded", good, bad],
    ["unavailable", bad, good],
    ["unavailable", bad, bad],
  ])("is %s by what is vital and what is not", async (status, vital, other) => {
    const probes = [probe("dynamodb", vital, true), probe("kafka", other)];
    const health = await checkHealth(probes, { timeoutMs: 30_000, log: silent });
    expect(health.status).toBe(status);
    expect(health.checks.map(({ name }) => name)).toEqual(["dynamodb", "kafka"]);
  });

  it("gives up on what does not answer, all at once, and says how long it waited", async () => {
    const probes = [probe("a", never), probe("b", never), probe("c", good)];
    const { checks } = await checkHealth(probes, { timeoutMs: 40, log: silent });
    expect(checks.map(({ status }) => status)).toEqual(["failed", "failed", "ok"]);
    expect(checks[0]?.latency_ms).toBeGreaterThanOrEqual(39);
    expect(checks[2]?.latency_ms).toBeLessThan(checks[0]?.latency_ms ?? 0);
  });

  it("keeps the cause to the log", async () => {
    const lines: string[] = [];
    const log = createLog({ write: (line) => lines.push(line) });
    const health = await checkHealth([probe("kafka", bad)], { timeoutMs: 30_000, log });
    expect(JSON.stringify(health)).not.toContain("secret-host");
    expect(lines.join("")).toContain("secret-host");
  });
});

describe("reachTcp", () => {
  it("reaches a port that listens", async () => {
    const signal = AbortSignal.timeout(30_000);
    await expect(reachTcp(`127.0.0.1:${await listen()}`, signal)).resolves.toBeUndefined();
  });

  it.each(["127.0.0.1:1", "[::1]:1"])("rejects for %s, where nothing listens", async (address) => {
    await expect(reachTcp(address, AbortSignal.timeout(30_000))).rejects.toThrow(/connect/);
  });

  it("gives up when told to", async () => {
    const given = AbortSignal.abort();
    await expect(reachTcp("127.0.0.1:1", given)).rejects.toMatchObject({ name: "AbortError" });
  });
});
