/** The alert rules under promtool: for each state of the service exactly the named alerts fire. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ERRORS } from "../../lib/errors.ts";
import { isPromtoolMissing, promtool, RULE_FILES, testRules } from "../support/promtool.ts";
import { tempFolder } from "../support/temp-folder.ts";

const OPS = join(import.meta.dirname, "../../ops/prometheus");

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Group {
  readonly name: string;
  readonly rules: readonly Rule[];
}

const GROUPS = RULE_FILES.flatMap(
  (path) => (parse(readFileSync(path, "utf8")) as { groups: Group[] }).groups,
);
const ALERTS = GROUPS.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);

/** Values by minute, in promtool's notation; `N` is the number of minutes. */
const HEALTHY = {
  requests: ["api_requests_total", 'status_code="200"', "0+600xN"],
  failures: ["api_requests_total", 'status_code="500"', "0+0xN"],
  fast: ["api_request_duration_seconds_bucket", 'le="0.5"', "0+599xN"],
  within1: ["api_request_duration_seconds_bucket", 'le="1"', "0+600xN"],
  within5: ["api_request_duration_seconds_bucket", 'le="5"', "0+600xN"],
  all: ["api_request_duration_seconds_bucket", 'le="+Inf"', "0+600xN"],
  count: ["api_request_duration_seconds_count", "", "0+600xN"],
  invocations: ["lambda_invocations_total", 'outcome="success"', "0+600xN"],
  timeouts: ["lambda_invocations_total", 'outcome="timeout"', "0+0xN"],
  coldStarts: ["lambda_cold_starts_total", "", "0+1xN"],
  lagBelow5: ["kafka_consumer_lag_seconds_bucket", 'topic="trades",le="5"', "0+600xN"],
  lagBelow300: ["kafka_consumer_lag_seconds_bucket", 'topic="trades",le="300"', "0+600xN"],
  lagAll: ["kafka_consumer_lag_seconds_bucket", 'topic="trades",le="+Inf"', "0+600xN"],
  waiting: ["kafka_consumer_lag_records", 'topic="trades",partition="0"', "0+0xN"],
  others: ["kafka_consumer_lag_records", 'topic="trades",partition="1"', "0+0xN"],
  consumed: ["kafka_messages_consumed_total", 'topic="trades"', "0+600xN"],
  deadLetters: ["kafka_dead_letters_total", 'topic="trades"', "0+0xN"],
  kafkaErrors: ["kafka_errors_total", 'topic="trades",operation="produce"', "0+0xN"],
  page: ["up", 'job="k2-trades"', "1+0xN"],
  pushgateway: ["up", 'job="pushgateway"', "1+0xN"],
  pushes: ["metrics_pushes_total", "", "0+600xN"],
  failedPushes: ["metrics_push_failures_total", 'result="refused"', "0+1xN"],
  retirements: ["metrics_retirements_total", 'outcome="complete"', "0+1xN"],
  uncertain: ["metrics_uncertain_total", "", "0+0xN"],
  refused: ["metrics_client_errors_total", 'reason="invalid_value"', "0+0xN"],
  clockSteps: ["metrics_clock_steps_total", "", "0+0xN"],
  groups: ["metrics_page_environments", 'state="live"', "40+0xN"],
  floor: ["metrics_page_floor_held", "", "0+0xN"],
  torn: ["metrics_page_torn_groups", "", "0+0xN"],
  duplicates: ["metrics_page_duplicate_groups", "", "0+0xN"],
  conflicts: ["metrics_page_conflicting_families", "", "0+0xN"],
  pageBytes: ["metrics_page_bytes", "", "90000+0xN"],
  ledger: ["metrics_page_ledger_series", "", "1200+0xN"],
  ledgerVersion: ["metrics_page_ledger_version", "", "0+1xN"],
} as const;

/** Longer than the second longest window of the fast alerts. */
const MINUTES = 130;
const AT = `${MINUTES}m`;

type State = Partial<Record<keyof typeof HEALTHY, string>>;

const CASES: readonly [state: string, changes: State, fires: readonly string[]][] = [
  ["a healthy service", {}, []],
  [
    "2 % of requests have failed for two hours",
    { requests: "0+588xN", failures: "0+12xN" },
    ["ApiErrorBudgetBurnsFast", "ApiErrorBudgetBurnsSlow"],
  ],
  [
    "0.2 % of requests have failed for two hours",
    { requests: "0+4990xN", failures: "0+10xN" },
    ["ApiErrorBudgetBurnsSlow"],
  ],
  [
    "a fifth of requests have been slow for two hours",
    { fast: "0+480xN" },
    ["ApiLatencyBudgetBurnsFast", "ApiLatencyBudgetBurnsSlow"],
  ],
  [
    "one request in fifty takes seconds",
    { fast: "0+588xN", within1: "0+588xN" },
    ["ApiLatencyBudgetBurnsSlow", "ApiSlow"],
  ],
  ["invocations run into their timeout", { timeouts: "0+1xN" }, ["InvocationsTimeOut"]],
  ["every third invocation is a cold start", { coldStarts: "0+200xN" }, ["ManyColdStarts"]],
  ["records wait and none is consumed", { waiting: "5+0xN", consumed: "9+0xN" }, ["ConsumerStuck"]],
  ["fewer and fewer records wait", { waiting: "999-7xN" }, []],
  ["more and more records wait in every partition", { waiting: "5+9xN", others: "5+9xN" }, []],
  ["records wait in one partition alone", { waiting: "5+0xN" }, ["PartitionStuck"]],
  [
    "more and more records wait in one partition, and fewer in others",
    { waiting: "5+9xN", others: "999-7xN" },
    ["PartitionStuck"],
  ],
  ["nothing waits and nothing comes", { consumed: "9+0xN" }, []],
  ["records wait for minutes", { lagBelow5: "0+100xN" }, ["ConsumerLags"]],
  ["records are put aside", { deadLetters: "0+1xN" }, ["DeadLetters"]],
  ["producing fails", { kafkaErrors: "0+30xN" }, ["KafkaErrors"]],
  ["the page is refused", { page: "0+0xN" }, ["MetricsPageDown"]],
  ["a Pushgateway is down", { pushgateway: "0+0xN" }, ["PushgatewayDown"]],
  ["a tenth of the pushes fail", { failedPushes: "0+60xN" }, ["PushesFail"]],
  ["no retirement completes", { retirements: "7+0xN" }, ["RetirementStalled"]],
  ["no retirement ever ran", { retirements: "_xN" }, ["RetirementStalled"]],
  ["there are 4,000 groups", { groups: "4000+0xN" }, ["GroupsPileUp"]],
  ["the floor holds", { floor: "1+0xN" }, ["FloorHeld"]],
  ["a group stays torn", { torn: "1+0xN" }, ["GroupsTorn"]],
  ["a Pushgateway is listed under two URLs", { duplicates: "40+0xN" }, ["PushgatewayListedTwice"]],
  ["a family is left off the page", { conflicts: "1+0xN" }, ["MetricsConflict"]],
  ["pushes were never answered", { uncertain: "0+1xN" }, ["SamplesUncertain"]],
  ["samples are refused", { refused: "0+1xN" }, ["SamplesRefused"]],
  ["a Pushgateway's clock was set", { clockSteps: "0x90 1x40" }, ["PushgatewayClockSet"]],
  ["the page takes 5 MB", { pageBytes: "5000000+0xN" }, ["PageLarge"]],
  ["the ledger holds 30,000 series", { ledger: "30000+0xN" }, ["LedgerLarge"]],
];

function seriesOf(changes: State, stage = "prod"): { series: string; values: string }[] {
  return Object.entries(HEALTHY).map(([key, [name, labels, values]]) => ({
    series: `${name}{service="k2-trades",environment="${stage}",component="list-trades",endpoint="/trades",method="GET"${labels === "" ? "" : `,${labels}`}}`,
    values: (changes[key as keyof State] ?? values).replace("N", String(MINUTES)),
  }));
}

describe.skipIf(isPromtoolMissing)("the rules, by promtool", { timeout: 120_000 }, () => {
  it("are well formed, and so is the configuration beside them", () => {
    expect(promtool("check", "rules", ...RULE_FILES)).toContain("SUCCESS");
    const folder = tempFolder();
    const token = join(folder, "token");
    writeFileSync(token, "secret");
    const config = join(folder, "prometheus.yml");
    const text = readFileSync(join(OPS, "prometheus.yml"), "utf8")
      .replace("rules/*.yml", join(OPS, "rules/*.yml"))
      .replace("/etc/prometheus/k2-trades-token", token);
    writeFileSync(config, text);
    expect(promtool("check", "config", config)).toContain(`${RULE_FILES.length} rule files found`);
  });

  it.each(CASES)("when %s, exactly these alerts fire", (_state, changes, fires) => {
    const expected = fires.map((alertname) => ({
      labels: `{alertname="${alertname}"}`,
      value: 1,
    }));
    const test = {
      input_series: seriesOf(changes),
      promql_expr_test: [
        {
          expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
          eval_time: AT,
          exp_samples: expected,
        },
      ],
    };
    expect(testRules([test], "1m")).toContain("SUCCESS");
  });

  it.each([
    ["stopped", "7+0xN"],
    ["never ran", "_xN"],
  ])("a stage whose retirement %s is told of beside another where it goes on", (_how, values) => {
    const test = {
      input_series: [...seriesOf({ retirements: values }, "prod"), ...seriesOf({}, "dev")],
      alert_rule_test: [
        {
          alertname: "RetirementStalled",
          eval_time: AT,
          exp_alerts: [
            {
              exp_labels: { severity: "ticket", service: "k2-trades", environment: "prod" },
              exp_annotations: {
                summary: "Environments of k2-trades (prod) are not retired",
                description:
                  "No complete run in 20 minutes; groups pile up on the Pushgateway. Counts stay right.",
                runbook: "docs/alerts.md#retirementstalled",
              },
            },
          ],
        },
      ],
    };
    expect(testRules([test], "1m")).toContain("SUCCESS");
  });

  it("a partition alone is told of when its records have waited for 25 minutes", () => {
    // The first to wait is there at minute 31.
    const isTold = (minute: number, samples: readonly object[]) => ({
      expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: `${minute}m`,
      exp_samples: samples,
    });
    const told = { labels: '{alertname="PartitionStuck"}', value: 1 };
    const test = {
      input_series: seriesOf({ waiting: "0x30 5+9x100" }),
      promql_expr_test: [isTold(54, []), isTold(57, [told])],
    };
    expect(testRules([test], "1m")).toContain("SUCCESS");
    const { annotations } = ALERTS.find(({ alert }) => alert === "PartitionStuck") ?? {};
    expect(annotations?.["summary"]).toMatch(/is stuck, or falls behind alone$/);
    expect(annotations?.["description"]).toContain("in 25 minutes");
    expect(sectionOf("PartitionStuck")).toContain("for 25 minutes");
  });

  it("notices when another alert fires than was expected", () => {
    const test = {
      input_series: seriesOf({ ledger: "30000+0xN" }),
      promql_expr_test: [{ expr: 'ALERTS{alertstate="firing"}', eval_time: AT, exp_samples: [] }],
    };
    expect(() => testRules([test], "1m")).toThrow("LedgerLarge");
  });

  it("say in words what is wrong", () => {
    const failures = seriesOf({ requests: "0+588xN", failures: "0+12xN" });
    const test = {
      input_series: failures,
      alert_rule_test: [
        {
          alertname: "ApiErrorBudgetBurnsFast",
          eval_time: AT,
          exp_alerts: [
            {
              exp_labels: { severity: "page", service: "k2-trades", environment: "prod" },
              exp_annotations: {
                summary: "k2-trades (prod) fails too many requests",
                description: "2% of requests get a 5xx; the objective is 0.1 %.",
                runbook: "docs/alerts.md#apierrorbudgetburnsfast",
              },
            },
          ],
        },
      ],
    };
    expect(testRules([test], "1m")).toContain("SUCCESS");
  });
});

it("what a rule records is asked for by alerts of its own group alone", () => {
  for (const { name, rules } of GROUPS) {
    const recorded = rules.flatMap(({ record = [] }) => record);
    const elsewhere = ALERTS.filter((alert) => !rules.includes(alert));
    const asked = recorded.filter((one) => elsewhere.some(({ expr }) => expr.includes(one)));
    expect([name, asked]).toEqual([name, []]);
    const before = rules.map(({ alert }) => alert === undefined);
    expect([name, before]).toEqual([name, before.toSorted((a, b) => Number(b) - Number(a))]);
  }
});

describe("every alert", () => {
  const names = ALERTS.map(({ alert = "" }) => alert);

  it("fires in one case at least", () => {
    const fired = new Set(CASES.flatMap(([, , fires]) => fires));
    expect(names.filter((name) => !fired.has(name))).toEqual([]);
  });

  it.each(ALERTS)("$alert has a severity, words and a page that says what to do", (rule) => {
    expect(["page", "ticket"]).toContain(rule.labels?.["severity"]);
    expect(rule.annotations?.["summary"]).toMatch(/\S/);
    expect(rule.annotations?.["description"]).toMatch(/\.$/);
    expect(rule.annotations?.["runbook"]).toBe(`docs/alerts.md#${rule.alert?.toLowerCase()}`);
    expect(sectionOf(rule.alert ?? "")).toMatch(/\S/);
  });
});

it("the page on MetricsPageDown knows each answer there is in the page's place, and leads on", () => {
  const section = sectionOf("MetricsPageDown");
  const types = Object.entries(ERRORS).filter(([, { status }]) => status === 503);
  expect(types.length).toBe(3);
  for (const [code] of types)
    expect(section).toContain(`\`${code.toLowerCase().replaceAll("_", "-")}\``);
  expect(section).toContain("(#pagelarge)");
  expect(section).toContain("(operations.md#page-too-large)");
});

/** What docs/alerts.md says of an alert; empty where it says nothing. */
function sectionOf(alert: string): string {
  const page = readFileSync(join(OPS, "../../docs/alerts.md"), "utf8");
  return page.split(`\n## ${alert}\n`)[1]?.split("\n## ")[0] ?? "";
}
