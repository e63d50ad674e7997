/** The real Prometheus, scraping one page five times a second. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findProgram } from "../../local/find-pushgateway.ts";
import { freePort } from "../../local/ports.ts";
import { startChild } from "../../local/processes.ts";

export interface Prometheus {
  /** The one value of an instant query, or 0 when it has no result. */
  query(expression: string): Promise<number>;
  /** How often any series with such a name fell since the start. */
  countResets(isMeant: (name: string) => boolean): Promise<number>;
  close(): Promise<void>;
}

/** The program, if this machine has it. */
export const PROMETHEUS = findProgram(["prometheus"], process.env["PATH"]);

const START_TIMEOUT_MS = 60_000;
/** Longer than any run. */
const EVERYTHING = "1d";

/**
 * A scrape may take no longer than until the next one: one job asks five times a second, and others
 * less often, so that a slow page is not never seen.
 */
const INTERVALS = ["200ms", "1s", "5s"] as const;

/** @param options `folder` is made, and keeps what it scraped. */
export async function startPrometheus(options: {
  readonly pageUrl: string;
  readonly folder: string;
}): Promise<Prometheus> {
  const { pageUrl, folder } = options;
  const { host, pathname } = new URL(pageUrl);
  const config = {
    scrape_configs: INTERVALS.map((interval) => ({
      job_name: interval,
      scrape_interval: interval,
      scrape_timeout: interval,
      honor_labels: true,
      metrics_path: pathname,
      static_configs: [{ targets: [host], labels: { scraped_every: interval } }],
    })),
  };
  mkdirSync(folder, { recursive: true });
  // JSON is YAML too.
  writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
  const listen = `127.0.0.1:${await freePort()}`;
  const child = startChild({
    name: "Prometheus",
    command: [
      PROMETHEUS ?? "prometheus",
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "tsdb")}`,
      `--web.listen-address=${listen}`,
    ],
    logPath: join(folder, "prometheus.log"),
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await isReady(`http://${listen}/-/ready`))) {
    child.died.throwIfAborted();
    if (performance.now() > deadline) throw new Error("Prometheus did not become ready");
    await delay(50);
  }
  const ask = async <Data>(path: string): Promise<Data> => {
    const answer = await fetch(`http://${listen}/api/v1/${path}`);
    const { data, error } = (await answer.json()) as { data?: Data; error?: string };
    if (data === undefined) throw new Error(`Prometheus: ${error ?? answer.status}`);
    return data;
  };
  const query = async (expression: string) => {
    const { result } = await ask<{ result: { value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    return Number(result[0]?.value[1] ?? 0);
  };
  return {
    query,
    async countResets(isMeant) {
      const names = (await ask<string[]>("label/__name__/values")).filter(isMeant);
      let resets = 0;
      for (const name of names) resets += await query(`sum(resets(${name}[${EVERYTHING}]))`);
      return resets;
    },
    close: () => child.end(),
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
