/**
 * Whether what the service stands on can be reached, and how fast.
 */

import { once } from "node:events";
import { connect } from "node:net";
import type { Log } from "./log.ts";

/** One thing to reach. */
export interface Probe {
  readonly name: string;
  /** Nothing can be served without it. */
  readonly isVital: boolean;
  /** Resolves when it was reached; gives up when the signal says so. */
  readonly reach: (signal: AbortSignal) => Promise<unknown>;
}

export interface Health {
  /** `degraded`: something failed that requests don't need; `unavailable`: something vital failed. */
  readonly status: "ok" | "degraded" | "unavailable";
  readonly checks: readonly Check[];
}

export interface Check {
  readonly name: string;
  readonly status: "ok" | "failed";
  /** Time until it was reached or given up, in milliseconds. */
  readonly latency_ms: number;
}

/** Runs all probes at once. Never rejects; why one failed is only logged. */
export async function checkHealth(
  probes: readonly Probe[],
  { timeoutMs, log }: { readonly timeoutMs: number; readonly log: Log },
): Promise<Health> {
  const checks = await Promise.all(probes.map((probe) => check(probe, timeoutMs, log)));
  const failed = probes.filter((_, i) => checks[i]?.status === "failed");
  if (failed.some(({ isVital }) => isVital)) return { status: "unavailable", checks };
  return { status: failed.length === 0 ? "ok" : "degraded", checks };
}

/** Reaches a TCP port, such as a broker's. @param address `host:port`; an IPv6 host in brackets. */
export async function reachTcp(address: string, signal: AbortSignal): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
  try {
    await once(socket, "connect", { signal });
  } finally {
    socket.destroy();
  }
}

async function check(probe: Probe, timeoutMs: number, log: Log): Promise<Check> {
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(timeoutMs);
  let status: Check["status"] = "ok";
  try {
    await Promise.race([probe.reach(signal), rejectOnAbort(signal)]);
  } catch (error) {
    status = "failed";
    log.warn("a health check failed", { check: probe.name, error });
  }
  const latency_ms = Math.round((performance.now() - startedAt) * 1_000) / 1_000;
  return { name: probe.name, status, latency_ms };
}

/** For probes that have no use for a signal. */
async function rejectOnAbort(signal: AbortSignal): Promise<never> {
  await once(signal, "abort");
  throw signal.reason;
}
