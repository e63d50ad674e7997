/**
 * What the embedded Pushgateway tells of itself, under the names a real one uses.
 */

import type { ParsedFamily } from "./exposition.ts";
import { sortLabels } from "./label-set.ts";

export interface OwnFamilies {
  /** Counts a request that was answered. */
  count(request: { readonly method: string; readonly status: number }): void;
  families(): readonly ParsedFamily[];
}

/** Begins to count. @param startedAtMs since the epoch. */
export function createOwnFamilies(startedAtMs: number): OwnFamilies {
  const requests = new Map<string, number>();
  return {
    count: ({ method, status }) => {
      const id = `${method.toLowerCase()} ${status}`;
      requests.set(id, (requests.get(id) ?? 0) + 1);
    },
    families: () => [
      gauge("process_start_time_seconds", "Start time since the epoch.", {}, startedAtMs / 1_000),
      gauge("pushgateway_build_info", "Always 1.", { version: "embedded" }, 1),
      {
        name: "pushgateway_http_requests_total",
        help: "Total HTTP requests processed by the Pushgateway.",
        type: "counter",
        samples: [...requests].map(([id, value]) => {
          const [method = "", code = ""] = id.split(" ");
          return { labels: sortLabels({ method, code }), value };
        }),
      },
    ],
  };
}

function gauge(
  name: string,
  help: string,
  labels: Readonly<Record<string, string>>,
  value: number,
): ParsedFamily {
  return { name, help, type: "gauge", samples: [{ labels, value }] };
}
