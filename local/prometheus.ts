/**
 * Prometheus for this machine, where it is installed: scrapes the local `/metrics` and evaluates the
 * rules of `ops/prometheus`, as a deployment's would.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "./find-pushgateway.ts";
import { PROJECT, type LocalFolder } from "./folder.ts";
import { LOOPBACK, untilAnswering } from "./ports.ts";
import { startChild, type Child } from "./processes.ts";

export interface PrometheusOptions {
  readonly folder: LocalFolder;
  /** Free. */
  readonly port: number;
  /** Base URL of the API whose `/metrics` is scraped. */
  readonly api: string;
  /** Base URL of a Pushgateway whose own health is scraped too. */
  readonly pushgateway?: string;
  /** What `/metrics` asks for, if anything. */
  readonly scrapeToken?: string;
  /** Where programs are looked for, as `PATH` has it. */
  readonly path: string | undefined;
}

export interface LocalPrometheus {
  readonly url: string;
  /** For people: the path of the program. */
  readonly what: string;
  readonly child: Child;
  close(): Promise<void>;
}

/** Short, so that a person sees at once what a request did. */
const SCRAPE_INTERVAL = "2s";
const START_TIMEOUT_MS = 60_000;

/** Starts it and waits until it takes connections; `undefined` where there is none. */
export async function startPrometheus(
  options: PrometheusOptions,
): Promise<LocalPrometheus | undefined> {
  const { folder, port, path } = options;
  const program = findProgram(["prometheus"], path);
  if (program === undefined) return undefined;
  mkdirSync(folder.prometheus, { recursive: true });
  const config = join(folder.prometheus, "prometheus.yml");
  writeFileSync(config, `${JSON.stringify(configuration(options), undefined, 2)}\n`, {
    mode: 0o600,
  });
  const child = startChild({
    name: "Prometheus",
    command: [
      program,
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder.prometheus, "data")}`,
      "--storage.tsdb.retention.time=7d",
      "--storage.tsdb.retention.size=512MB",
      `--web.listen-address=${LOOPBACK}:${port}`,
    ],
    logPath: join(folder.logs, "prometheus.log"),
  });
  await untilAnswering(port, { timeoutMs: START_TIMEOUT_MS, signal: child.died });
  return {
    url: `http://${LOOPBACK}:${port}`,
    what: program,
    child,
    close: async () => child.end(),
  };
}

/** As YAML takes it too. Job names and labels are those of `ops/prometheus/prometheus.yml`. */
function configuration({ api, pushgateway, scrapeToken }: PrometheusOptions): object {
  const authorization =
    scrapeToken === undefined
      ? {}
      : { authorization: { type: "Bearer", credentials: scrapeToken } };
  const page = { ...jobOf("k2-trades", api), ...authorization };
  const ownFamilies = {
    source_labels: ["__name__"],
    regex: "(go|process|promhttp|pushgateway)_.*",
    action: "keep",
  };
  const gateway = pushgateway === undefined ? [] : [jobOf("pushgateway", pushgateway)];
  return {
    global: {
      scrape_interval: SCRAPE_INTERVAL,
      scrape_timeout: SCRAPE_INTERVAL,
      evaluation_interval: SCRAPE_INTERVAL,
    },
    rule_files: [join(PROJECT, "ops/prometheus/rules/*.yml")],
    scrape_configs: [
      page,
      ...gateway.map((job) => ({ ...job, metric_relabel_configs: [ownFamilies] })),
    ],
  };
}

function jobOf(name: string, url: string): object {
  const { protocol, host, pathname } = new URL(url);
  return {
    job_name: name,
    scheme: protocol.slice(0, -1),
    metrics_path: `${pathname.replace(/\/$/, "")}/metrics`,
    honor_labels: true,
    static_configs: [{ targets: [host] }],
  };
}
