/** What a dashboard asks Prometheus, panel by panel. */

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";

export interface AskingPanel {
  readonly title: string;
  readonly description?: string;
  readonly datasource?: object;
  readonly gridPos?: { readonly x: number; readonly w: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

/** Its panels without the rows they stand in. */
export function panelsOf({ panels = [] }: Dashboard): AskingPanel[] {
  const all = panels as unknown as (AskingPanel & { readonly type: string })[];
  return all.filter(({ type }) => type !== "row");
}

/** A query as Grafana sends it with everything chosen, at a range of `seconds`. */
export function withVariables(expression: string, seconds: number): string {
  return expression
    .replaceAll("$__rate_interval", `${seconds}s`)
    .replaceAll(/\$(?:service|environment)\b/g, ".+");
}
